// Stochastic rounding from float32 to bfloat16 and the random bits it takes, bit for bit the same on host and
// device. E[rounded] = x: an update far below half a unit in the last place still moves its weight on average.
//
// A tensor is cut into groups of 8 consecutive elements (one 16-byte load of bfloat16). A group draws three
// Philox blocks, 12 words; with key = the run's seed and
//   counter = {element / 8, block 0..2, parameter index, optimizer step}
// a bit belongs to (seed, parameter, step, element) and not to who computed it. Element e of the group takes
//   weight         low 16 bits of word e
//   first moment   high 16 bits of word e
//   second moment  half e % 2 (0 = low) of word 8 + e / 2
#pragma once
#include <cstdint>
#include <cstring>
#include "native/kernels/philox.h"

namespace mira::kernels {

inline constexpr int64_t kRoundingGroup = 8;

// What the bits of one tensor's update are keyed by. Tensors of 2^35 elements and more would repeat.
struct RoundingKey { uint64_t seed; uint32_t parameter, step; };

struct RoundingBits {
  uint32_t word[12];
  MIRA_HOST_DEVICE uint32_t weight(int e) const { return word[e] & 0xffffu; }
  MIRA_HOST_DEVICE uint32_t first(int e) const { return word[e] >> 16; }
  MIRA_HOST_DEVICE uint32_t second(int e) const { return (word[8 + e / 2] >> (16 * (e % 2))) & 0xffffu; }
};

MIRA_HOST_DEVICE inline RoundingBits rounding_bits(const RoundingKey& key, uint32_t group) {
  RoundingBits bits{};
  for (uint32_t block = 0; block < 3; ++block) {
    const PhiloxWords r = philox4x32({{group, block, key.parameter, key.step}}, static_cast<uint32_t>(key.seed),
                                     static_cast<uint32_t>(key.seed >> 32));
    for (int i = 0; i < 4; ++i) bits.word[4 * block + i] = r.w[i];
  }
  return bits;
}

MIRA_HOST_DEVICE inline uint32_t float_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}
MIRA_HOST_DEVICE inline float bits_float(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}
MIRA_HOST_DEVICE inline float bf16_float(uint16_t h) { return bits_float(static_cast<uint32_t>(h) << 16); }

// (bits(x) + random) >> 16 with random uniform in [0, 2^16): up with the probability of the cut-off fraction.
// Infinities and NaNs are truncated (a NaN stays one); a finite value may round up to infinity beyond bfloat16.
MIRA_HOST_DEVICE inline uint16_t stochastic_bf16(float x, uint32_t random16) {
  const uint32_t u = float_bits(x);
  if ((u & 0x7f800000u) == 0x7f800000u)
    return static_cast<uint16_t>((u >> 16) | ((u & 0x007fffffu) != 0 ? 0x40u : 0u));
  return static_cast<uint16_t>((u + random16) >> 16);
}

}  // namespace mira::kernels
