// What one pass of the slot decoder reads besides weights and caches, as tensors on its device: tokens, positions,
// where keys are written and where attention finds them. A prefill makes it anew; a decode step fills the same
// memory again in one copy, so that a captured graph finds its inputs where they were.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <span>
#include "native/core/decode.h"
#include "native/core/device_bytes.h"
#include "native/core/slot_attention.h"
#include "native/core/slot_store.h"

namespace mira {

// T tokens of B sequences. Global layers store new keys in rows `global_rows` and attend to `global_keys`; when
// decoding so do local ones, the ring being just what the token sees. A prefill's local layers would overwrite keys
// that its own first queries need: they attend to ring rows `before` and the new keys, brought into one sequence
// after another by `order`; only then do the new keys `kept` go to `local_rows`.
struct SlotPass {
  bool decode = false;                   // one token of every sequence
  at::Tensor ids_T, pos_T, offsets_B1;   // int32
  int64_t longest = 1;                   // tokens of one sequence
  at::Tensor global_rows, local_rows;    // int64; negative: padding, nothing is stored
  SlotKeys global_keys, local_keys;
  at::Tensor before_P, order_N, kept_R;  // int64; order undefined: as they are; kept undefined: all
  at::Tensor last_n;                     // int64: tokens after which one is wanted; undefined: all of them
};

SlotPass prefill_pass(std::span<const DecodeSpan>, const SlotStore&, at::Device);

// The pass of decode steps of up to `rows` sequences.
class DecodePass {
 public:
  // `longest` is an upper bound of the sequences' lengths after the step: part of a captured graph.
  DecodePass(int64_t rows, int64_t longest, const SlotStore&, at::Device);
  // Rows beyond the spans are padding: they store nothing, and read the first row of the first slot.
  void fill(std::span<const DecodeSpan>, const SlotStore&);
  const SlotPass& pass() const { return pass_; }

 private:
  int64_t rows_;
  DeviceBytes bytes_;
  DeviceBytes::Section<int64_t> global_rows_, local_rows_;
  DeviceBytes::Section<int32_t> ids_, pos_, offsets_, global_start_, global_used_, local_start_, local_used_;
  SlotPass pass_;
};

}  // namespace mira
