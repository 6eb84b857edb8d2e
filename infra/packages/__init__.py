"""The relay's packages, for Debian (.deb) and for Red Hat's family (.rpm), and the notice of third parties.

package.py      the command: stages, then builds
stage.py        lays out what is installed
description.py  what a package says about itself: name, version, dependencies
builders.py     dpkg-deb, and nfpm
notice.py       whose work is inside, and under which licence
tools.py        runs the programs this needs; what goes wrong
deb/, rpm/      what runs at installation and removal
"""
