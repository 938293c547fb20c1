// The one thread that owns all tensor work, and the way a result travels back to JavaScript.
// A verb is a Work closure run on that thread; it returns a Deliver closure run on the JS thread, which
// builds the JS value. Survives worker.terminate() and process.exit() in the middle: results for an
// environment that is closing are dropped. The thread is process-wide and leaked on purpose.
#pragma once
#include <napi.h>
#include <atomic>
#include <functional>
#include <memory>
#include "native/core/cancelled.h"

namespace mira::binding {

using Deliver = std::function<Napi::Value(Napi::Env)>;
// `cancelled` turns true when the caller's AbortSignal fires; poll it between layers and steps and throw
// Cancelled when it is set.
using Work = std::function<Deliver(const std::atomic<bool>& cancelled)>;

using mira::Cancelled;

// Queues `work`; the promise resolves with what Deliver returns, or rejects with an Error that carries
// `code`, `verb` and the JS stack captured at the call. `cancel_token` is a native CancelToken object or
// undefined. Jobs run in order of submission.
Napi::Promise run_on_engine(Napi::Env env, const char* verb, Napi::Value cancel_token, Work work);

// For long-lived native activities (the generation pump): a job with no promise, run after what is queued.
void post_to_engine(std::function<void()> job);

// A promise settled later from the engine thread, any number of jobs after it was made (a generation
// request that finishes among others). Exactly one of resolve/reject must be called, on any thread.
class Completion {
 public:
  virtual ~Completion() = default;
  virtual void resolve(Deliver deliver) = 0;
  virtual void reject(std::exception_ptr error) = 0;
  virtual const std::atomic<bool>& cancelled() const = 0;
};
std::pair<Napi::Promise, std::shared_ptr<Completion>> make_completion(Napi::Env env, const char* verb,
                                                                      Napi::Value cancel_token);

}  // namespace mira::binding
