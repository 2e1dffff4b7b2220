#!/usr/bin/env python3
"""Writes every verdict into PostgreSQL, once, however often it is delivered. The tables are those of schema.sql.

A message is acknowledged to the broker when its row has been committed; the broker keeps what comes meanwhile. Whatever fails
ends the program: let a supervisor start it again, and the broker delivers again what was not acknowledged.
Needs python3-paho-mqtt (1.6 or 2.x) and python3-psycopg2:
    python3 sink.py --host 127.0.0.1 --port 1883 --database 'dbname=line user=sideglance'
"""

import argparse
import json

import paho.mqtt.client as mqtt
import psycopg2
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

INSPECTION = """
insert into inspection (epoch, stream, seq, site, line, device, station, captured, clock_synced, verdict, reason, model, score, message)
values (%(epoch)s, %(stream)s, %(seq)s, %(site)s, %(line)s, %(name)s, %(station)s, %(utc)s, %(clockSynced)s, %(verdict)s, %(reason)s,
        %(model)s, %(score)s, %(message)s)
on conflict do nothing"""
GAP = """
insert into gap (epoch, stream, first_seq, last_seq, site, line, device)
values (%(epoch)s, %(stream)s, %(firstSeq)s, %(lastSeq)s, %(site)s, %(line)s, %(name)s)
on conflict do nothing"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--host", default="127.0.0.1")
    arguments.add_argument("--port", type=int, default=1883)
    arguments.add_argument("--database", default="", help="as psql takes it; the PG* variables hold as well")
    arguments.add_argument("--client-id", default="sideglance-postgresql", help="names the session that the broker keeps")
    options = arguments.parse_args()
    database = psycopg2.connect(options.database)

    def on_message(client, userdata, message):
        """Whatever is raised here ends the program before the message is acknowledged."""
        body = json.loads(message.payload)
        row = {**body, **body["device"], "message": message.payload.decode()}
        with database, database.cursor() as cursor:
            if message.topic.endswith("/gap"):
                cursor.execute(GAP, row)
            else:
                scores = [region["score"] for region in body["regions"] if region["score"] is not None]
                row.update(body["delivery"], utc=body["captured"]["utc"], score=max(scores, default=None))
                cursor.execute(INSPECTION, row)

    def on_connect(client, userdata, flags, reason, properties):
        client.subscribe([("sideglance/+/+/+/+/inspection", 1), ("sideglance/+/+/+/+/gap", 1)])

    # paho 2 wants to be told how its callbacks are called.
    version = getattr(mqtt, "CallbackAPIVersion", None)
    client = mqtt.Client(**({"callback_api_version": version.VERSION2} if version else {}),
                         client_id=options.client_id, protocol=mqtt.MQTTv5)  # fmt: skip
    client.on_message = on_message
    client.on_connect = on_connect
    keep = Properties(PacketTypes.CONNECT)
    keep.SessionExpiryInterval = 86_400
    client.connect(options.host, options.port, clean_start=False, properties=keep)
    client.loop_forever()


if __name__ == "__main__":
    main()
