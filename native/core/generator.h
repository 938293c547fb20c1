// Continuous batching: requests wait in a queue, sit in slots while they run, join and leave between steps.
// A turn admits what fits and spends one budget of tokens: one for every sequence that decodes, the rest on
// prompts, so that newcomers never keep running sequences waiting for more than a chunk; whoever owns the thread
// calls turn() again while it returns true.
// A request whose prompt begins like one being prefilled waits for that prefix and takes a copy.
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

enum class DecoderKind { automatic, packed, slots };

struct GeneratorOptions {
  int64_t slots = 0, max_length = 0, prefill_chunk = 512;
  int64_t snapshots = -1;  // of the slot decoder's rings; negative: one for every slot
  std::shared_ptr<const Vocabulary> vocabulary;
  bool exact = false;  // see SlotOptions; the packed decoder always is
  DecoderKind decoder = DecoderKind::automatic;  // automatic: packed on the CPU while its copy stays under 2 GiB
};

struct GeneratorStats {
  int64_t prompt_tokens = 0, reused_tokens = 0, sampled_tokens = 0;
  int64_t prefill_tokens = 0, decode_tokens = 0;  // computed in passes of either kind
  int64_t decode_steps = 0;                       // decode_tokens of decode_steps * slots: the occupancy
  int64_t graph_steps = 0, eager_steps = 0;       // as in DecoderStats
  double prefill_seconds = 0, decode_seconds = 0;
  int64_t active = 0, queued = 0, slots = 0, cache_bytes = 0;
};

// The options with their bounds applied. Throws std::invalid_argument naming the option.
GeneratorOptions checked_options(const Role&, GeneratorOptions);
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
  // invalidate(), and gives the memory of keys and values back until the next pass.
  void suspend();
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
    std::unique_ptr<SequenceCache> cache;
    std::vector<int32_t> ids;  // cache->length() of them are computed; the rest is pending
    std::optional<int64_t> session;
    std::optional<Active> active;
    uint64_t used = 0;  // when it last became idle
    int64_t branch = 0; // where prefill pauses once, for others to branch off; 0: nowhere
    int64_t pending() const { return static_cast<int64_t>(ids.size()) - cache->length(); }
  };

  void sweep_cancelled();
  void admit();
  // The slot this request should take, null when it has to wait.
  Slot* slot_for(const GenerateRequest&);
  void start(Slot&, Queued);
  // What a slot could reuse of a prompt from its own cache or a neighbour's.
  struct Reuse {
    const Slot* donor = nullptr;  // null: the slot itself
    int64_t length = 0;           // usable now
    int64_t common = 0;           // held, though perhaps no longer usable
  };
  Reuse find_prefix(const Slot&, const std::vector<int32_t>& prompt) const;
  void reuse_prefix(Slot&, const std::vector<int32_t>& prompt);
  // Whether a running prefill is about to compute much more of the prompt than can be reused now.
  bool better_later(const Slot&, const std::vector<int32_t>& prompt);
  // One pass over some slots, `count` tokens each; samples where the last pending token was computed.
  void pass(std::span<Slot* const> slots, std::span<const int64_t> counts, bool decode);
  void append(Slot&, const Sample&);
  void fail(Slot&, const std::exception_ptr&);
  void retire(Slot&);
  void clear(Slot&);
  void publish();

  std::shared_ptr<const Role> role_;
  GeneratorOptions options_;
  std::unique_ptr<Decoder> decoder_;  // outlives the caches in slots_
  std::vector<Slot> slots_;
  std::deque<Queued> queue_;
  uint64_t clock_ = 0;
  int64_t weights_version_ = 0;
  GeneratorStats counters_;  // engine thread's own
  mutable std::mutex mutex_;
  GeneratorStats published_;  // guarded by mutex_
};

}  // namespace mira
