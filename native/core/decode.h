// One pass of the model over the next tokens of several sequences, against their KV caches, and the tokens
// drawn from it. The scheduler (generator.h) sees only this: where keys and values live and where sampling
// runs is the decoder's own affair.
// Two implementations of one contract: packed (weights repacked for row_kernels.h, CPU; a sequence's results do
// not depend on its companions or on how its tokens were cut into passes, bit for bit) and slots (the weights as
// they are, on their device, preallocated caches; results agree to rounding).
#pragma once
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>
#include "native/core/role.h"
#include "native/core/sampler.h"

namespace mira {

// The keys and values of one sequence. Belongs to the decoder that made it and must not outlive it.
class SequenceCache {
 public:
  virtual ~SequenceCache() = default;
  // Tokens whose keys and values are stored.
  virtual int64_t length() const = 0;
  // The longest prefix of at most `length` tokens that the cache can be cut back to; 0 is always possible.
  virtual int64_t reusable(int64_t length) const = 0;
  // Forgets positions from `length` on. Throws std::invalid_argument unless reusable(length) == length.
  virtual void truncate(int64_t length) = 0;
  // Becomes a copy of the first `length` tokens of another cache of the same decoder, which are reusable there.
  virtual void copy_prefix(const SequenceCache& from, int64_t length) = 0;
  // Empties the cache and gives back memory that is its own.
  virtual void clear() = 0;
  // Other sequences are expected to branch off at the present length: keeps what it takes to come back here
  // later, where the decoder has room for that. Only a hint.
  virtual void mark_branch() {}
  virtual int64_t bytes() const = 0;
};

// `count` tokens of one sequence, at positions cache->length() and up. At most one span per cache and pass,
// and no longer than the prefill chunk the decoder was made for.
struct DecodeSpan {
  SequenceCache* cache;
  const int32_t* ids;
  int64_t count;
  const SamplerSettings* sampler;  // how to draw the token that follows; null: none is wanted yet
};

struct Draw {
  Sample sample;
  std::exception_ptr error;  // set when this row's logits were not finite; the other rows stand
};

struct DecoderStats {
  int64_t bytes = 0;          // of memory shared by the caches: snapshots and scratch
  int64_t graph_steps = 0;    // decode steps replayed from a captured graph
  int64_t eager_steps = 0;    // decode steps launched operation by operation
};

class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual std::unique_ptr<SequenceCache> make_cache() = 0;
  // Computes and stores the tokens, advances the caches, and fills `draws`, one for each span that wants a token,
  // in order. Throws std::invalid_argument when a cache has no room left.
  virtual void step(std::span<const DecodeSpan>, std::span<Draw> draws) = 0;
  // The role's weights have changed: forget what was derived from them. The caches' owner empties these.
  virtual void refresh() = 0;
  // Gives back what memory it can until the next step. The caches must be empty.
  virtual void free() {}
  virtual DecoderStats stats() const { return {}; }
};

// max_length: of a sequence; chunk: the most tokens of a pass. Weights on the CPU.
std::unique_ptr<Decoder> make_packed_decoder(std::shared_ptr<const Role>, int64_t max_length, int64_t chunk);

struct SlotOptions {
  int64_t slots = 0, max_length = 0;
  int64_t snapshots = 0;  // most ring snapshots held; see slot_store.h
  bool exact = false;     // results do not depend on the batch or on passes, bit for bit; slower. See exact.h
};
std::unique_ptr<Decoder> make_slot_decoder(std::shared_ptr<const Role>, const SlotOptions&);

// Draws row i of float32 logits [n,V] for the i-th span that wants a token, threaded over rows. Each row's
// result is Sampler's alone.
class HostSampling {
 public:
  void operator()(std::span<const DecodeSpan>, const float* logits_nV, int64_t vocab, std::span<Draw> draws);

 private:
  std::vector<Sampler> samplers_;  // one per row, kept to save allocations
};

// Bytes of the copy that the packed decoder keeps.
int64_t packed_bytes(const Role&);
// Whether a role is decoded packed unless told otherwise: on the CPU, while that copy stays under 2 GiB.
bool packed_by_default(const Role&);

}  // namespace mira
