#!/usr/bin/env python3
"""Stands between a client and an LDAP server and makes the server behave like a real AD, or badly.

ldap-fault-proxy.py UPSTREAM_URL [OPTION…]     (standard library only)

Like the other server scripts it prints facts (LDAP_URL) and READY, and ends when its standard input closes. It listens
in clear text, or with ldaps if given a certificate; it does not speak StartTLS.

Behaviour of AD that Samba lacks:
  --max-val-range N     more than N values of an attribute arrive as an empty attribute plus attribute;range=0-(N-1)
Faults, counted per connection:
  --drop-after N        close (FIN) after N entries
  --reset-after N       close with a reset (RST) after N entries
  --stall-after N       send nothing more after N entries, and keep the connection open
  --done-rc RC@K        the K-th search result gets the result code RC and loses its controls
  --done-rc-keep RC@K   the same, but its controls (the paging cookie) stay
  --strip-paged K       the K-th search result loses its paging control (0: every one)
  --hide REGEX          leaves out entries whose DN matches: what a lost permission looks like
  --hide-listed REGEX   the same, but whoever asks for an entry by its DN or id gets it: a list that misses somebody
  --garble-entry K      the K-th entry becomes something that is no LDAP entry
  --garble-message K    the K-th entry's message becomes an answer that no search has
TLS:
  --upstream-ca FILE    speak ldaps to the upstream     --tls CERTIFICATE KEY   listen with ldaps
"""
import argparse
import asyncio
import re
import socket
import ssl
import struct
import sys
from urllib.parse import urlsplit

PAGED_RESULTS = b"1.2.840.113556.1.4.319"
SEARCH, SEARCH_ENTRY, SEARCH_DONE, CONTROLS = 0x63, 0x64, 0x65, 0xA0


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("upstream")
    for name in ("max-val-range", "drop-after", "reset-after", "stall-after", "garble-entry", "garble-message"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--strip-paged", type=int)
    for name in ("done-rc", "done-rc-keep", "hide", "hide-listed", "upstream-ca"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--tls", nargs=2)
    return parser.parse_args()


# --- BER: a message is a list of (tag, bytes) -------------------------------------------------------------------------


def element(tag, body):
    length = len(body)
    if length < 128:
        return bytes((tag, length)) + body
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def elements(buffer):
    at, found = 0, []
    while at < len(buffer):
        tag, length, at = buffer[at], buffer[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(buffer[at:at + octets], "big"), at + octets
        found.append((tag, buffer[at:at + length]))
        at += length
    return found


def joined(parts):
    return b"".join(element(tag, body) for tag, body in parts)


async def read_message(reader):
    head = await reader.readexactly(2)
    length = head[1]
    if length & 0x80:
        octets = await reader.readexactly(length & 0x7F)
        length = int.from_bytes(octets, "big")
    return elements(await reader.readexactly(length))


# --- what is done to the answers --------------------------------------------------------------------------------------


class Faults:
    """One connection's worth of mischief."""

    def __init__(self, options):
        self.options, self.entries, self.results = options, 0, 0
        self.lists = set()  # the ids of the searches that do not ask for one entry by its DN or id

    def request(self, message):
        kind, body = message[1]
        if kind == SEARCH:
            _, (_, scope), *_, (_, filter), _ = elements(body)
            if scope != b"\0" and not re.search(b"entryUUID|objectGUID", filter, re.I):
                self.lists.add(message[0][1])

    def cut_now(self):
        limit = self.options.drop_after or self.options.reset_after or self.options.stall_after
        return limit and self.entries > limit

    def entry(self, request, body):
        """The entry as the client sees it, or nothing if it is hidden."""
        (name_tag, name), (list_tag, attributes) = elements(body)
        hidden = [self.options.hide, self.options.hide_listed if request in self.lists else None]
        if any(regex and re.search(regex, name.decode("utf-8", "replace"), re.I) for regex in hidden):
            return None
        self.entries += 1
        if self.entries == self.options.garble_entry:
            return element(0x02, b"\x2a")
        if self.options.max_val_range:
            attributes = joined(part for attribute in elements(attributes) for part in self.ranged(attribute))
        return joined([(name_tag, name), (list_tag, attributes)])

    def ranged(self, attribute):
        tag, content = attribute
        (name_tag, name), (set_tag, values) = elements(content)
        values, most = elements(values), self.options.max_val_range
        if len(values) <= most:
            return [attribute]
        asked = re.match(rb"^(.+);range=(\d+)-(?:\d+|\*)$", name, re.I)
        plain, first = (asked.group(1), int(asked.group(2))) if asked else (name, 0)
        part = b"%s;range=%d-%d" % (plain, first, first + most - 1)
        empty = [] if asked else [(tag, joined([(name_tag, plain), (set_tag, b"")]))]
        return [*empty, (tag, joined([(name_tag, part), (set_tag, joined(values[:most]))]))]

    def result(self, message):
        self.results += 1
        for wish, keeps_controls in ((self.options.done_rc, False), (self.options.done_rc_keep, True)):
            code, which = map(int, wish.split("@")) if wish else (0, 0)
            if which == self.results:
                parts = elements(message[1][1])
                parts[0] = (parts[0][0], bytes((code,)))
                message[1] = (SEARCH_DONE, joined(parts))
                if not keeps_controls:
                    message = message[:2]
        if self.options.strip_paged in (0, self.results) and len(message) > 2:
            kept = [c for c in elements(message[2][1]) if elements(c[1])[0][1] != PAGED_RESULTS]
            message = message[:2] + ([(CONTROLS, joined(kept))] if kept else [])
        return message


async def serve_client(options, upstream, reader, writer):
    context = ssl.create_default_context(cafile=options.upstream_ca) if options.upstream_ca else None
    up_reader, up_writer = await asyncio.open_connection(upstream.hostname, upstream.port, ssl=context)
    faults = Faults(options)

    async def requests():
        while True:
            message = await read_message(reader)
            faults.request(message)
            up_writer.write(element(0x30, joined(message)))
            await up_writer.drain()

    async def answers():
        while True:
            message = await read_message(up_reader)
            kind, body = message[1]
            if kind == SEARCH_ENTRY:
                body = faults.entry(message[0][1], body)
                if body is None:
                    continue
                message[1] = (0x6F if faults.entries == options.garble_message else kind, body)
                if faults.cut_now():
                    await writer.drain()
                    if options.stall_after:
                        await asyncio.sleep(3600)
                    if options.reset_after:
                        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
            elif kind == SEARCH_DONE:
                message = faults.result(message)
            writer.write(element(0x30, joined(message)))
            await writer.drain()

    tasks = [asyncio.create_task(requests()), asyncio.create_task(answers())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for stream in (writer, up_writer):
        stream.close()


async def main():
    options = arguments()
    upstream = urlsplit(options.upstream)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    server = await asyncio.start_server(lambda r, w: serve_client(options, upstream, r, w), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    print(f"LDAP_URL={'ldaps' if context else 'ldap'}://127.0.0.1:{port}\nREADY", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    server.close()


asyncio.run(main())
