import collections, decimal, hashlib, json, re, statistics, sys, zlib

text = sys.stdin.read()
if not text:
    print("no input", file=sys.stderr)
    sys.exit(3)
words = re.findall(r"[a-z']+", text.lower())
counts = collections.Counter(words)
print(f"reading {len(words)} words", file=sys.stderr)

def primes(limit):
    sieve = bytearray([1]) * (limit + 1)
    for number in range(2, int(limit ** 0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, limit + 1, number)))
    return sum(sieve[2:])

class Shape:
    def __init__(self, *sides): self.sides = sides
    def __repr__(self): return f"Shape{self.sides!r}"

try:
    [].pop()
except IndexError as error:
    caught = repr(error)

print(json.dumps({
    "python": sys.version.split()[0],
    "top": sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3],
    "mean": statistics.fmean(map(len, words)),
    "pi": str(decimal.Decimal(22) / 7),
    "sha256": hashlib.sha256(text.encode()).hexdigest(),
    "crc32": zlib.crc32(text.encode()),
    "primes": primes(200_000),
    "shape": repr(Shape(1, 2.5, "ü")),
    "caught": caught,
    "big": str(3 ** 200),
}, ensure_ascii=False, sort_keys=True))
