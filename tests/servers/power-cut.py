#!/usr/bin/env python3
"""Cuts the power of an ext4 on a disk of its own.

power-cut.py FOLDER        (as root; standard library only)

Prints READY, and waits for a line with the id of a process that writes there. It stops that process and shuts the file
system down at the same moment, without writing out its journal: from then on nothing reaches the disk any more. What was
not synced is lost when the file system is unmounted. Prints DONE.
"""
import fcntl
import os
import signal
import struct
import sys

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITHOUT_THE_JOURNAL = struct.pack("I", 2)  # EXT4_GOING_FLAGS_NOLOGFLUSH

folder = os.open(sys.argv[1], os.O_RDONLY)
print("READY", flush=True)
line = sys.stdin.readline()
if line.strip():
    os.kill(int(line), signal.SIGSTOP)
    fcntl.ioctl(folder, SHUTDOWN, WITHOUT_THE_JOURNAL)
    os.close(folder)
    print("DONE", flush=True)
