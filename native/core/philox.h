// Random numbers of sampling from Philox4x32-10 (native/kernels/philox.h): a pure function of (counter, key), so that a
// number belongs to a position of a sequence and not to the order in which sequences happen to be served.
#pragma once
#include <array>
#include <cstdint>
#include "native/kernels/philox.h"

namespace mira {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr PhiloxCounter philox4x32_10(PhiloxCounter c, PhiloxKey key) {
  const kernels::PhiloxWords r = kernels::philox4x32({{c[0], c[1], c[2], c[3]}}, key[0], key[1]);
  return {r.w[0], r.w[1], r.w[2], r.w[3]};
}

// Known answers of the Random123 distribution (kat_vectors): a build with a wrong generator does not compile.
static_assert(philox4x32_10({0, 0, 0, 0}, {0, 0}) ==
              PhiloxCounter{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
static_assert(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              PhiloxCounter{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
static_assert(philox4x32_10({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}) ==
              PhiloxCounter{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});

// Uniform in [0,1) with 53 bits, for the token at `position` of the sequence sampled with `seed`.
constexpr double philox_uniform(uint64_t seed, uint64_t position) {
  const PhiloxCounter r =
      philox4x32_10({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), 0, 0},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const uint64_t bits = (uint64_t{r[0]} << 21) ^ (uint64_t{r[1]} >> 11);
  return static_cast<double>(bits) * 0x1.0p-53;
}

}  // namespace mira
