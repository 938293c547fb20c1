// A linear layer repacked for kernels::RowKernels, with its low-rank adapters beside it (not merged, so that a
// shared frozen base stays exact and an adapter step costs only the repacking of the adapters).
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <vector>
#include "native/core/role.h"
#include "native/kernels/row_kernels.h"

namespace mira {

class PackedLinear {
 public:
  PackedLinear() = default;
  // weight [O,I] float32 or bfloat16, kept in its dtype.
  explicit PackedLinear(const at::Tensor& weight_OI);
  // Adds scale * B A to output rows [row, row + B's rows); undefined pairs are ignored. The adapters are
  // rounded to `dtype`, as training does.
  void adapt(const LoraPair&, double scale, int64_t row, at::ScalarType dtype);

  int64_t outputs() const { return outputs_; }
  int64_t inputs() const { return inputs_; }
  // x [rows, I] -> y [rows, O], contiguous float32; split among threads when that is worth it.
  void operator()(const float* x, int64_t rows, float* y) const;

 private:
  struct Adapter;
  at::Tensor panels_;  // [panels, I, 64]
  int64_t outputs_ = 0, inputs_ = 0;
  std::vector<Adapter> adapters_;
};

struct PackedLinear::Adapter {
  PackedLinear down, up;  // A [R,I], scale * B [O',R]
  int64_t row;
  bool rounds;            // intermediate results are bfloat16
};

}  // namespace mira
