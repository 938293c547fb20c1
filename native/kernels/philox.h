// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"
// (SC 2011), in the form host and device share: a pure function of (counter, key), the same bits on both.
// Leaves out what a counter stands for; native/core/philox.h and stochastic_rounding.h say that for their uses.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define MIRA_HOST_DEVICE __host__ __device__
#else
#define MIRA_HOST_DEVICE
#endif

namespace mira::kernels {

struct PhiloxWords { uint32_t w[4]; };

MIRA_HOST_DEVICE constexpr PhiloxWords philox4x32(PhiloxWords c, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c.w[0], p1 = uint64_t{0xCD9E8D57u} * c.w[2];
    c = {{static_cast<uint32_t>(p1 >> 32) ^ c.w[1] ^ key0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c.w[3] ^ key1, static_cast<uint32_t>(p0)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return c;
}

}  // namespace mira::kernels
