"""`make mutants`: do the tests notice when the program is wrong?

Each fault is one small change of the source that would hurt somebody. It is planted into a copy of the
project, never into the project itself, and the tests of its area run on that copy. A fault is killed if a
test fails. One that survives shows a promise that no test holds.
"""
