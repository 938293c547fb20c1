// Keys and values of a fixed number of sequences, allocated at once on the weights' device: per slot a ring for each
// sliding-window layer and contiguous storage for each global one. Keys are stored after norm and rotation, so a
// ring needs no order. Rings cannot be rewound past what they overwrote; a bounded number of snapshots of them,
// the least recently used making room, lets sequences branch off earlier positions.
// Leaves out what is written when: that is the decoder's.
#pragma once
#include <ATen/ATen.h>
#include <cstdint>
#include <memory>
#include <vector>
#include "native/core/config.h"
#include "native/core/decode.h"

namespace mira {

// Global storage comes in units of this many tokens: the page size of paged attention, should it replace slots.
inline constexpr int64_t kKvUnit = 256;

// Bytes of a SlotStore without its snapshots, and of one snapshot; lib/plan/kv-cache.ts computes the same.
int64_t kv_bytes(const GemmaConfig&, int64_t slots, int64_t max_length, at::ScalarType);
int64_t snapshot_bytes(const GemmaConfig&, int64_t max_length, at::ScalarType);

class SlotStore : public std::enable_shared_from_this<SlotStore> {
 public:
  SlotStore(const GemmaConfig&, at::ScalarType, at::Device, const SlotOptions&);

  // The token at position p of slot s lies in row s * capacity + p % capacity.
  struct Layer { at::Tensor k_NKD, v_NKD; int64_t capacity; };
  const Layer& layer(int64_t i) const { return layers_[static_cast<size_t>(i)]; }
  int64_t local_capacity() const { return local_capacity_; }    // the window, or less when sequences are shorter
  int64_t global_capacity() const { return global_capacity_; }  // max_length in whole units
  int64_t max_length() const { return options_.max_length; }
  int64_t slots() const { return options_.slots; }
  int64_t bytes_per_slot() const;
  int64_t snapshot_bytes() const;  // held now, by all snapshots

  // Gives all memory back, when every cache is empty; allocate() takes it again, at other addresses.
  void free();
  void allocate();
  bool allocated() const { return !layers_.empty(); }

  // The cache of the next slot; at most `slots` calls.
  std::unique_ptr<SequenceCache> make_cache();

 private:
  friend class SlotCache;
  // The rings of one slot from which its sequence can go on at `length`; free when slot < 0. `high` as in SlotCache.
  struct Snapshot {
    int64_t slot = -1, length = 0, high = 0;
    uint64_t used = 0;
    std::vector<at::Tensor> rings;  // k and v of each local layer in turn, [capacity,K,D]
  };
  Snapshot* find(int64_t slot, int64_t longest, bool exact);
  void drop(int64_t slot, int64_t longer_than);
  // Null when none may be held or memory ran out.
  Snapshot* claim(int64_t slot, int64_t length);
  // Copies the rings of a slot into a snapshot, or back.
  void copy_rings(int64_t slot, Snapshot&, bool restore);
  void copy_rows(const Layer&, int64_t from, int64_t to, int64_t rows);

  SlotOptions options_;
  at::TensorOptions tensor_;
  int64_t kv_heads_, head_dim_;
  std::vector<uint8_t> is_global_;
  std::vector<Layer> layers_;
  int64_t local_capacity_, global_capacity_;
  std::vector<Snapshot> snapshots_;
  uint64_t clock_ = 0;
  int64_t made_ = 0;
};

// One slot as a sequence's cache.
class SlotCache final : public SequenceCache {
 public:
  SlotCache(std::shared_ptr<SlotStore> store, int64_t slot) : store_(std::move(store)), slot_(slot) {}

  int64_t slot() const { return slot_; }
  // Throws std::invalid_argument when `positions` are more than a slot holds.
  void check_room(int64_t positions) const;
  void advance(int64_t count);

  int64_t length() const override { return length_; }
  int64_t reusable(int64_t length) const override;
  void truncate(int64_t length) override;
  void copy_prefix(const SequenceCache& from, int64_t length) override;
  void clear() override;
  void mark_branch() override;
  int64_t bytes() const override { return store_->bytes_per_slot(); }

 private:
  // Whether the rings still hold what a query at position `length` sees.
  bool intact(int64_t length) const;

  std::shared_ptr<SlotStore> store_;
  int64_t slot_;
  int64_t length_ = 0;
  int64_t high_ = 0;  // one past the highest position in the rings
};

}  // namespace mira
