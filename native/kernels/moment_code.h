// One byte per AdamW moment: the code of a value beside the largest magnitude of its block of 256 elements, bit
// for bit the same on host and device. Codes are spaced like powers, finer towards zero, so that a moment keeps
// about the relative precision its use needs (m enters linearly, v under a square root):
//   first moment   int8  c in [-127, 127]:  sign(c) c^2 / 127^2 * scale
//   second moment  uint8 c in [0, 255]:     c^4 / 255^4 * scale
// Encoding rounds stochastically between the two neighbouring codes, so E[decoded] = value and a moving average
// whose step is far below a code's width still moves. A second moment above zero never becomes zero: a zero
// under the root would turn the next step into m / eps.
#pragma once
#include <cmath>
#include <cstdint>
#include "native/kernels/philox.h"

namespace mira::kernels {

inline constexpr int64_t kMomentBlock = 256;
inline constexpr float kFirstTop = 16129.f;        // 127^2
inline constexpr float kSecondTop = 4228250625.f;  // 255^4, rounded to float32 as everything below is

MIRA_HOST_DEVICE inline float decode_first(int8_t code, float scale) {
  const int c = code;
  return static_cast<float>(c < 0 ? -c * c : c * c) / kFirstTop * scale;
}
MIRA_HOST_DEVICE inline float decode_second(uint8_t code, float scale) {
  const uint32_t c = code, square = c * c;
  return static_cast<float>(square * square) / kSecondTop * scale;
}

// |x| <= scale, random16 uniform in [0, 2^16). No product is added to anything outside fmaf: see adamw_update.h.
MIRA_HOST_DEVICE inline int8_t encode_first(float x, float scale, uint32_t random16) {
  if (!(scale > 0.f)) return 0;
  const float t = fabsf(x) / scale;
  int c = static_cast<int>(sqrtf(t * kFirstTop));
  c = c > 126 ? 126 : c;
  if (c > 0 && fmaf(t, kFirstTop, -static_cast<float>(c * c)) < 0.f) --c;
  const float above = fmaf(t, kFirstTop, -static_cast<float>(c * c)), width = static_cast<float>(2 * c + 1);
  c += above * 65536.f > width * static_cast<float>(random16) ? 1 : 0;
  return static_cast<int8_t>(x < 0.f ? -c : c);
}
// 0 <= x <= scale.
MIRA_HOST_DEVICE inline uint8_t encode_second(float x, float scale, uint32_t random16) {
  if (!(scale > 0.f) || !(x > 0.f)) return 0;
  const float t = x / scale;
  uint32_t c = static_cast<uint32_t>(sqrtf(sqrtf(t * kSecondTop)));
  c = c > 254u ? 254u : c;
  if (c > 0u && fmaf(t, kSecondTop, -static_cast<float>(c * c * c * c)) < 0.f) --c;
  const uint32_t low = c * c * c * c, high = (c + 1u) * (c + 1u) * (c + 1u) * (c + 1u);
  const float above = fmaf(t, kSecondTop, -static_cast<float>(low)), width = static_cast<float>(high - low);
  c += above * 65536.f > width * static_cast<float>(random16) ? 1u : 0u;
  return static_cast<uint8_t>(c == 0u ? 1u : c);
}

}  // namespace mira::kernels
