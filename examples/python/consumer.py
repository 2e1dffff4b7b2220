#!/usr/bin/env python3
"""Follows the verdicts and anomaly maps of all devices, and notices what it misses.

Writes one JSON line for each event: `verdict`, `map`, `duplicate`, `missing`, `dropped` (announced by a gap record), `device`.
Needs python3-paho-mqtt (1.6 or 2.x):
    python3 consumer.py --host 127.0.0.1 --port 11883
"""

import argparse
import json

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from decode_map import decode_map


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


class Stream:
    """The books of one stream in one epoch: what comes next, and what is missing."""

    def __init__(self, first):
        self.next = first
        self.missing = set()

    def take(self, seq):
        """Returns whether the message is new, and the numbers that it shows to be missing."""
        if seq in self.missing:
            self.missing.remove(seq)
            return True, []
        if seq < self.next:
            return False, []
        new = list(range(self.next, seq))
        self.missing.update(new)
        self.next = seq + 1
        return True, new

    def drop(self, first, last):
        """What a gap record says will never come."""
        self.missing.difference_update(range(first, last + 1))
        self.next = max(self.next, last + 1)


class Consumer:
    def __init__(self):
        self.streams = {}
        self.epochs = {}

    def book(self, device, epoch, stream, seq):
        """Books a message; returns False for one that has been here before."""
        key = (device, stream)
        books = self.streams.get((key, epoch))
        if books is None:
            # A stream that was never seen before is followed from here; one that begins a new epoch, from 0.
            books = self.streams[key, epoch] = Stream(0 if key in self.epochs else seq)
            self.epochs[key] = epoch
        is_new, missing = books.take(seq)
        if not is_new:
            tell("duplicate", device=device, stream=stream, seq=seq)
        if missing:
            # Perhaps only late: alarm when nothing marked `stored` has come for a minute.
            tell("missing", device=device, stream=stream, seqs=missing)
        return is_new

    def on_message(self, client, userdata, message):
        device, last = message.topic.rsplit("/", 1)
        if last == "map":
            self.on_map(message)
            return
        body = json.loads(message.payload)
        device = "/".join(body["device"].values())
        if last == "status":
            tell("device", device=device, state=body["state"], reason=body["reason"])
        elif last == "inspection":
            delivery = body["delivery"]
            if self.book(device, delivery["epoch"], delivery["stream"], delivery["seq"]):
                # Whatever is not a pass is a reject.
                tell("verdict", device=device, part=body["part"], reject=body["verdict"] != "pass", **delivery)
        elif last == "gap":
            books = self.streams.setdefault(((device, body["stream"]), body["epoch"]), Stream(body["firstSeq"]))
            books.drop(body["firstSeq"], body["lastSeq"])
            tell("dropped", device=device, stream=body["stream"], first=body["firstSeq"], last=body["lastSeq"])

    def on_map(self, message):
        # MQTT 5 user properties say what it is a map of.
        facts = dict(message.properties.UserProperty)
        device = "/".join((facts["site"], facts["line"], facts["device"]))
        if not self.book(device, facts["epoch"], facts["stream"], int(facts["seq"])):
            return
        if message.properties.ContentType != "application/vnd.sideglance.map":
            tell("map", device=device, form=facts["form"], bytes=len(message.payload))
            return
        found = decode_map(message.payload)
        peak = max(found["values"])
        row, column = divmod(found["values"].index(peak), found["columns"])
        # From the grid to the frame: the region's box, in frame pixels, covers the model's input.
        x, y, width, height = (float(side) for side in facts["box"].split(","))
        at_x = x + (column + 0.5) * found["cell"] / found["input_width"] * width
        at_y = y + (row + 0.5) * found["cell"] / found["input_height"] * height
        part = {"station": facts["station"], "epoch": facts["partEpoch"], "sequence": int(facts["partSequence"])}
        tell("map", device=device, form=facts["form"], part=part, region=facts["region"], peak=peak,
             is_defect=peak > found["map_threshold"], at=[round(at_x), round(at_y)])  # fmt: skip


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=1883)
    arguments.add_argument("--client-id", default="sideglance-example", help="names the session that the broker keeps")
    options = arguments.parse_args()

    # paho 2 wants to be told how its callbacks are called.
    version = getattr(mqtt, "CallbackAPIVersion", None)
    client = mqtt.Client(**({"callback_api_version": version.VERSION2} if version else {}),
                         client_id=options.client_id, protocol=mqtt.MQTTv5)  # fmt: skip
    consumer = Consumer()
    client.on_message = consumer.on_message

    def on_connect(client, userdata, flags, reason, properties):
        client.subscribe([(f"sideglance/+/+/+/{topic}", 1) for topic in ("status", "+/inspection", "+/map", "+/gap")])

    client.on_connect = on_connect
    # The broker keeps what comes while this program is away, for a day.
    keep = Properties(PacketTypes.CONNECT)
    keep.SessionExpiryInterval = 86_400
    client.connect(options.host, options.port, clean_start=False, properties=keep)
    client.loop_forever()


if __name__ == "__main__":
    main()
