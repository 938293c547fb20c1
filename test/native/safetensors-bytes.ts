/**
 * Builds safetensors files byte by byte, so that the reader is tested against the format and not against our
 * writer. Knows nothing of the addon.
 */
export interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** A file: length, header (an object or raw text or bytes), data. */
export function file(header: object | string | Uint8Array, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  return withLength(BigInt(json.length), json, data)
}

/** A file whose length field says `length`, whatever follows. */
export function withLength(
  length: bigint,
  json: Uint8Array,
  data: Uint8Array = new Uint8Array(),
): Uint8Array {
  const out = new Uint8Array(8 + json.length + data.length)
  new DataView(out.buffer).setBigUint64(0, length, true)
  out.set(json, 8)
  out.set(data, 8 + json.length)
  return out
}

export function entry(dtype: string, shape: number[], begin: number, end: number): Entry {
  return { dtype, shape, data_offsets: [begin, end] }
}

export const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
export const zeros = (count: number): Uint8Array => new Uint8Array(count)

/** The cases of the format's reference reader (0.8.0) that must be refused, and ours on top. */
export const rejected: [name: string, content: Uint8Array, says: RegExp][] = [
  ['an empty file', zeros(0), /fewer than the 8/],
  ['seven bytes', zeros(7), /fewer than the 8/],
  ['a header of length 0', withLength(0n, zeros(0)), /header is empty/],
  ['a header above 100 MB', withLength(100_000_001n, zeros(64)), /more than the 100 MB/],
  ['a header of 2^64-1 bytes', withLength(2n ** 64n - 1n, zeros(64)), /more than the 100 MB/],
  ['a header longer than the file', withLength(65n, zeros(64)), /only 64 follow/],
  ['bad UTF-8', file(bytes(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x7b, 0x7d, 0x7d)), /not UTF-8/],
  ['an overlong UTF-8 form', file(bytes(0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x7b, 0x7d, 0x7d)), /not UTF-8/],
  ['an array as header', file('[]'), /must start with '\{'/],
  ['a leading space', file(' {}'), /must start with '\{'/],
  ['trailing NULs', file('{}\0\0'), /other than spaces/],
  ['a trailing newline', file('{}\n'), /other than spaces/],
  ['text after the header', file('{} {}'), /other than spaces/],
  ['an unclosed header', file('{"a":'), /ends there/],
  [
    'a trailing comma',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}', zeros(1)),
    /expected '"'/,
  ],
  [
    'data longer than covered',
    file({ a: entry('U8', [2], 0, 2) }, zeros(3)),
    /need 2 bytes of data but the file has 3/,
  ],
  ['data shorter than covered', file({ a: entry('U8', [4], 0, 4) }, zeros(3)), /probably truncated/],
  ['data without tensors', file({}, zeros(1)), /need 0 bytes/],
  ['a hole', file({ a: entry('U8', [1], 0, 1), b: entry('U8', [1], 2, 3) }, zeros(3)), /no tensor owns/],
  ['a hole at the start', file({ a: entry('U8', [1], 1, 2) }, zeros(2)), /no tensor owns/],
  ['an overlap', file({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, zeros(3)), /overlaps/],
  [
    'two tensors on one range',
    file({ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 0, 2) }, zeros(2)),
    /overlaps/,
  ],
  ['offsets that run backwards', file({ a: entry('U8', [1], 2, 1) }, zeros(2)), /run backwards/],
  ['a negative offset', file({ a: entry('U8', [1], -1, 0) }, zeros(1)), /unsigned integer/],
  [
    'a float offset',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0.0,1]}}', zeros(1)),
    /expected '\]'/,
  ],
  [
    'an offset with exponent',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e0]}}', zeros(1)),
    /expected '\]'/,
  ],
  [
    'an offset with a leading zero',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[00,1]}}', zeros(1)),
    /unsigned/,
  ],
  [
    'an offset of 2^64',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551616]}}', zeros(1)),
    /64 bits/,
  ],
  ['a string offset', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":["0",1]}}', zeros(1)), /unsigned/],
  ['a negative dimension', file({ a: entry('U8', [-1], 0, 1) }, zeros(1)), /unsigned integer/],
  ['a product that overflows', file({ a: entry('U8', [2 ** 40, 2 ** 40], 0, 0) }), /2\^53/],
  [
    'a product that wraps to the size',
    file('{"a":{"dtype":"U8","shape":[9223372036854775808,2],"data_offsets":[0,0]}}'),
    /2\^53/,
  ],
  [
    'an overflow hidden by a zero',
    file('{"a":{"dtype":"U8","shape":[9223372036854775808,0,9223372036854775808],"data_offsets":[0,0]}}'),
    /2\^53/,
  ],
  [
    'a size mismatch',
    file({ a: entry('F32', [2], 0, 4) }, zeros(4)),
    /span 4 bytes but dtype and shape need 8/,
  ],
  ['an unknown dtype', file({ a: entry('F31', [1], 0, 4) }, zeros(4)), /unknown dtype 'F31'/],
  ['a lower-case dtype', file({ a: entry('f32', [1], 0, 4) }, zeros(4)), /unknown dtype/],
  ['three offsets', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}', zeros(1)), /more than 2/],
  ['one offset', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', zeros(1)), /\[begin, end\]/],
  ['a missing dtype', file('{"a":{"shape":[1],"data_offsets":[0,1]}}', zeros(1)), /all required/],
  ['a missing shape', file('{"a":{"dtype":"U8","data_offsets":[0,1]}}', zeros(1)), /all required/],
  ['missing offsets', file('{"a":{"dtype":"U8","shape":[1]}}', zeros(1)), /all required/],
  [
    'a duplicate inner field',
    file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', zeros(1)),
    /dtype appears twice/,
  ],
  [
    'an unknown inner field',
    file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}', zeros(1)),
    /unknown field 'x'/,
  ],
  [
    'a duplicate tensor',
    file(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      zeros(2),
    ),
    /'a' appears twice/,
  ],
  [
    'a duplicate tensor by escape',
    file(
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      zeros(2),
    ),
    /'a' appears twice/,
  ],
  ['metadata twice', file('{"__metadata__":{},"__metadata__":{}}'), /appears twice/],
  ['a duplicate metadata key', file('{"__metadata__":{"k":"1","k":"2"}}'), /key 'k' appears twice/],
  ['non-string metadata', file({ __metadata__: { a: 1 } }), /expected '"'/],
  ['metadata that is a list', file({ __metadata__: [] }), /expected '\{'/],
  ['nested metadata', file({ __metadata__: { a: { b: 'c' } } }), /expected '"'/],
  ['deep nesting', file(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /expected '\{'/],
  ['deep nesting in a shape', file(`{"a":{"shape":${'['.repeat(100_000)}`), /unsigned integer/],
  ['an odd count of F4', file({ a: entry('F4', [3], 0, 2) }, zeros(2)), /whole bytes/],
  ['an empty name', file({ '': entry('U8', [1], 0, 1) }, zeros(1)), /empty name/],
  ['a NUL in a name', file({ 'a\0b': entry('U8', [1], 0, 1) }, zeros(1)), /NUL/],
  ['a name of 513 bytes', file({ ['a'.repeat(513)]: entry('U8', [1], 0, 1) }, zeros(1)), /512 bytes/],
  ['rank 9', file({ a: entry('U8', [1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 1) }, zeros(1)), /more than 8/],
  [
    'a lone surrogate',
    file('{"\\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', zeros(1)),
    /surrogate/,
  ],
  [
    'a raw control character',
    file('{"a\nb":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', zeros(1)),
    /control character/,
  ],
  ['a tensor that is a number', file('{"a":1}'), /expected '\{'/],
  ['a tensor that is null', file('{"a":null}'), /expected '\{'/],
]

export const accepted: [name: string, content: Uint8Array, shapes: Record<string, number[]>][] = [
  ['no tensors', file('{}'), {}],
  ['trailing spaces', file('{}      '), {}],
  [
    'blanks inside',
    file('{ "a" :\n{"dtype":\t"U8","shape":[ 1 ],"data_offsets":[0 , 1]}}', zeros(1)),
    { a: [1] },
  ],
  ['a scalar', file({ a: entry('F32', [], 0, 4) }, zeros(4)), { a: [] }],
  ['an empty tensor', file({ a: entry('F32', [0], 0, 0) }), { a: [0] }],
  ['an empty tensor of rank 3', file({ a: entry('F32', [3, 0, 5], 0, 0) }), { a: [3, 0, 5] }],
  [
    'two empty tensors at one place',
    file({ a: entry('U8', [0], 0, 0), b: entry('U8', [0], 0, 0) }),
    { a: [0], b: [0] },
  ],
  [
    'F32 misaligned after U8',
    file({ a: entry('U8', [1], 0, 1), b: entry('F32', [1], 1, 5) }, bytes(7, 0, 0, 128, 63)),
    { a: [1], b: [1] },
  ],
  [
    'entries out of order',
    file({ b: entry('U8', [1], 1, 2), a: entry('U8', [1], 0, 1) }, zeros(2)),
    { a: [1], b: [1] },
  ],
  ['names that look like paths', file({ '../../x': entry('U8', [1], 0, 1) }, zeros(1)), { '../../x': [1] }],
  [
    'a name of 512 bytes',
    file({ ['a'.repeat(512)]: entry('U8', [1], 0, 1) }, zeros(1)),
    { ['a'.repeat(512)]: [1] },
  ],
  [
    'an escaped name',
    file('{"\\u00e9\\ud83d\\ude00\\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', zeros(1)),
    { 'é😀\n': [1] },
  ],
  ['metadata', file({ __metadata__: { format: 'pt' }, a: entry('U8', [1], 0, 1) }, zeros(1)), { a: [1] }],
]
