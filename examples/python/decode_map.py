import struct


def decode_map(payload: bytes) -> dict:
    """Reads an anomaly map of the form `float16`; cell (r, c) has the value values[r * columns + c]."""
    magic, start, rows, columns, input_width, input_height, _ = struct.unpack_from("<4s6H", payload)
    if magic != b"SGM1":
        raise ValueError("not an anomaly map: it does not begin with SGM1")
    cell, map_threshold, offset, scale = struct.unpack_from("<4f", payload, 16)
    values = [offset + scale * v for v in struct.unpack_from(f"<{rows * columns}e", payload, start)]
    return {
        "rows": rows, "columns": columns, "cell": cell, "input_width": input_width, "input_height": input_height,
        "map_threshold": map_threshold, "values": values,
    }  # fmt: skip
