"""What each Lambda function carries: our code that it imports, and the packages that this code imports.

build.py    the command, which the Makefile calls for each function
imports.py  which modules a handler imports, in the end
carried.py  which packages those need, and which of a package's files a function has no use for
"""
