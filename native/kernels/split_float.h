// A float32 in two halves of which the upper is a bfloat16 in its own right: the nearest one (ties away from zero), so
// that a model reads its master rounded, not truncated. The lower half is the signed rest. Exact; the same bits on host
// and device. Truncation would be exact too, but would pull every weight towards zero by up to a unit in the last
// place as soon as its master moves at all.
#pragma once
#include <cstdint>
#include "native/kernels/stochastic_rounding.h"

namespace mira::kernels {

struct SplitFloat { uint16_t high, low; };  // low: the bits of an int16

MIRA_HOST_DEVICE inline SplitFloat split_float(float x) {
  const uint32_t u = float_bits(x);
  return {static_cast<uint16_t>((u + 0x8000u) >> 16), static_cast<uint16_t>(u)};
}
MIRA_HOST_DEVICE inline float join_float(SplitFloat s) {
  const uint32_t high = static_cast<uint32_t>(s.high) << 16;
  return bits_float(s.low < 0x8000u ? high | s.low : (high | s.low) - 0x10000u);
}

}  // namespace mira::kernels
