// Continuous batching: requests wait in a queue, sit in slots while they run, join and leave between steps.
// A turn admits what fits, prefills at most one chunk of prompt tokens, and decodes one token for every
// sequence that is ready; whoever owns the thread calls turn() again while it returns true.
// Promise: a sequence is a function of its prompt, settings, seed and the weights. With the packed decoder that
// holds bit for bit on one machine, whatever runs beside it and whatever prefix was reused.
// Everything but stats() is for the engine thread alone. Knows nothing of text, save the bytes of stop strings.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include "native/core/decode.h"
#include "native/core/kv_cache.h"
#include "native/core/role.h"
#include "native/core/sampler.h"
#include "native/core/stop_strings.h"

namespace mira {

struct GenerateRequest {
  std::vector<int32_t> ids;
  int64_t max_new_tokens = 0;
  SamplerSettings sampler;
  std::vector<int32_t> stop_ids;
  std::vector<std::string> stop_strings;
  std::optional<int64_t> session;
};

struct GenerateResult {
  enum class Stop { id, string, length };
  std::vector<int32_t> ids;
  std::vector<float> logprobs, sampling_logprobs;
  Stop stop = Stop::length;
  int64_t prompt_tokens = 0, reused_tokens = 0;
};

// How a request's end travels back to whoever made it; exactly one of finish and fail is called.
class GenerateSink {
 public:
  virtual ~GenerateSink() = default;
  virtual void finish(GenerateResult) = 0;
  virtual void fail(std::exception_ptr) = 0;
  virtual bool cancelled() const = 0;
};

enum class DecoderKind { automatic, packed, aten };

struct GeneratorOptions {
  int64_t slots = 0, max_length = 0, prefill_chunk = 512;
  std::shared_ptr<const Vocabulary> vocabulary;
  DecoderKind decoder = DecoderKind::automatic;  // automatic: packed while its copy stays under 2 GiB
};

struct GeneratorStats {
  int64_t prompt_tokens = 0, reused_tokens = 0, sampled_tokens = 0;
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t active = 0, queued = 0, slots = 0, cache_bytes = 0;
};

// Throws std::invalid_argument naming the field when a request cannot be served by such a generator.
void check_request(const GenerateRequest&, const GeneratorOptions&, int64_t vocab);

class Generator {
 public:
  // Throws std::invalid_argument naming the option.
  Generator(std::shared_ptr<const Role>, GeneratorOptions);

  void submit(GenerateRequest, std::unique_ptr<GenerateSink>);
  // True while work remains. An error of a pass fails the requests that took part in it, and only those.
  bool turn();
  void release(int64_t session);
  // The weights have changed: cached prefixes are forgotten, and sequences in flight recompute theirs, so that
  // every further token comes from the new weights alone. A turn does so by itself when it sees that ATen has
  // changed a weight in place; writes through raw pointers need the call.
  void invalidate();
  // Fails everything queued and active.
  void fail_all(std::exception_ptr);
  GeneratorStats stats() const;

 private:
  struct Active {
    GenerateRequest request;
    std::unique_ptr<GenerateSink> sink;
    GenerateResult result;
    StopStrings stops;
    uint64_t order = 0;  // of admission
  };
  struct Queued { GenerateRequest request; std::unique_ptr<GenerateSink> sink; };
  struct Slot {
    std::unique_ptr<KvCache> cache;
    std::vector<int32_t> ids;  // cache->length() of them are computed; the rest is pending
    std::optional<int64_t> session;
    std::optional<Active> active;
    uint64_t used = 0;  // when it last became idle
    int64_t pending() const { return static_cast<int64_t>(ids.size()) - cache->length(); }
  };

  void sweep_cancelled();
  void admit();
  // The slot this request should take, null when it has to wait.
  Slot* slot_for(const GenerateRequest&);
  void start(Slot&, Queued);
  void reuse_prefix(Slot&, const std::vector<int32_t>& prompt);
  // One pass over some slots, `count` tokens each; samples where the last pending token was computed.
  void pass(std::span<Slot* const> slots, std::span<const int64_t> counts, double GeneratorStats::*seconds);
  void append(Slot&, const Sample&);
  void fail(Slot&, const std::exception_ptr&);
  void retire(Slot&);
  void clear(Slot&);
  void publish();

  std::shared_ptr<const Role> role_;
  GeneratorOptions options_;
  int64_t vocab_;
  std::shared_ptr<const KvLayout> layout_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<Slot> slots_;
  std::deque<Queued> queue_;
  std::vector<Sampler> samplers_;  // one per row of a pass
  std::vector<float> logits_;
  uint64_t clock_ = 0;
  int64_t weights_version_ = 0;
  GeneratorStats counters_;  // engine thread's own
  mutable std::mutex mutex_;
  GeneratorStats published_;  // guarded by mutex_
};

}  // namespace mira
