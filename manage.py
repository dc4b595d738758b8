#!/usr/bin/env python
"""Run a management command of the portal."""

import sys

from portal.manage import main

if __name__ == "__main__":
    main(sys.argv)
