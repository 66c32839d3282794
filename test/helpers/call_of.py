# SPDX-License-Identifier: ISC
"""call_of.py OBJECT FUNCTION...: calls an object's own functions, whoever else
defines them, and prints what they return."""
import ctypes
import errno
import sys

functions = ctypes.CDLL(sys.argv[1], use_errno=True)
for name in sys.argv[2:]:
    result = functions[name](-1, 0, 0, 0, 0)
    print(f"{name} = {result} {errno.errorcode.get(ctypes.get_errno())}")
