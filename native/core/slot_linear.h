// A linear layer of the slot decoder: the role's own weight, with its low-rank adapters beside it, rounded to the
// weight's dtype once per update instead of once per step. Adapters are never merged: the base stays exact.
// In exact mode a row of the result is a function of its own input row, bit for bit, at the cost of speed.
#pragma once
#include <ATen/ATen.h>
#include <vector>
#include "native/core/role.h"

namespace mira {

class SlotLinear {
 public:
  SlotLinear() = default;
  // `pairs` adapt consecutive blocks of output rows, `widths` wide each; undefined ones are skipped.
  SlotLinear(const at::Tensor& weight_OI, const std::vector<const LoraPair*>& pairs, const std::vector<int64_t>& widths,
             double scale, bool exact = false);
  // Rounds the adapters again, into the same memory: captured graphs stay valid.
  void refresh();
  // x [T,I] -> [T,O]. No autograd.
  at::Tensor operator()(const at::Tensor& x_TI) const;

 private:
  struct Block {
    LoraPair pair;
    int64_t row, width, column;  // output rows [row, row + width), columns of the stacked A
    at::Tensor b_OR;
  };
  at::Tensor weight_OI_, a_RI_;  // the A matrices of all blocks, stacked: one product reads x once
  std::vector<Block> blocks_;
  at::Tensor exact(const at::Tensor& x_TI) const;

  double scale_ = 1;
  bool exact_ = false;
};

}  // namespace mira
