// The completion protocol. A thread-safe function is freed when its environment ends even while other threads
// hold it (nodejs/node#55706), so Acquire and Release protect nothing: every call happens under a mutex that
// the environment's cleanup hook takes before it says "closing".
#include "native/binding/env_state.h"

namespace mira::binding {
namespace {

void check(napi_env env, napi_status status, const char* what) {
  if (status != napi_ok)
    throw Napi::Error::New(env, std::string("cannot set up the engine channel: ") + what);
}

// node:buffer's own limit: the longest ArrayBuffer this runtime can make.
double longest_array_buffer(Napi::Env env, double fallback) {
  Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return fallback;
  Napi::Value get = process.As<Napi::Object>().Get("getBuiltinModule");
  if (!get.IsFunction()) return fallback;
  Napi::Value buffer = get.As<Napi::Function>().Call(process, {Napi::String::New(env, "buffer")});
  if (!buffer.IsObject()) return fallback;
  Napi::Value limit = buffer.As<Napi::Object>().Get("constants").As<Napi::Object>().Get("MAX_LENGTH");
  return limit.IsNumber() ? limit.As<Napi::Number>().DoubleValue() : fallback;
}

}  // namespace

std::shared_ptr<EnvState> EnvState::of(Napi::Env env) {
  auto* instance = env.GetInstanceData<Instance>();
  return instance ? instance->state : nullptr;
}

std::shared_ptr<EnvState> EnvState::create(Napi::Env env) {
  auto state = std::make_shared<EnvState>();
  state->env_ = env;
  state->max_array_buffer = longest_array_buffer(env, state->max_array_buffer);
  napi_value name = Napi::String::New(env, "mira engine");
  check(env,
        napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, nullptr, call_js,
                                        &state->tsfn_),
        "napi_create_threadsafe_function");
  check(env, napi_unref_threadsafe_function(env, state->tsfn_), "napi_unref_threadsafe_function");
  // After the thread-safe function: hooks run last-in first-out, so ours sees it still alive.
  check(env, napi_add_env_cleanup_hook(env, on_cleanup, new std::shared_ptr<EnvState>(state)),
        "napi_add_env_cleanup_hook");
  return state;
}

void EnvState::on_cleanup(void* data) {
  std::unique_ptr<std::shared_ptr<EnvState>> holder(static_cast<std::shared_ptr<EnvState>*>(data));
  EnvState& self = **holder;
  {
    std::lock_guard lock(self.mutex_);
    self.closing_ = true;
    self.tsfn_ = nullptr;
  }
  for (const auto& flag : self.outstanding_) flag->store(true);
  self.outstanding_.clear();
}

void EnvState::post(std::function<void(Napi::Env)> message) {
  auto* heap = new std::function<void(Napi::Env)>(std::move(message));
  bool sent = false;
  {
    std::lock_guard lock(mutex_);
    sent = !closing_ && napi_call_threadsafe_function(tsfn_, heap, napi_tsfn_nonblocking) == napi_ok;
  }
  if (!sent) delete heap;  // outside the lock: what it captured may post again
}

void EnvState::call_js(napi_env env, napi_value, void*, void* data) {
  std::unique_ptr<std::function<void(Napi::Env)>> message(static_cast<std::function<void(Napi::Env)>*>(data));
  if (env == nullptr) return;  // the queue is emptied after the environment's end
  Napi::HandleScope scope(env);
  try {
    (*message)(Napi::Env(env));
  } catch (...) {
    // Only an environment that is being terminated gets here: messages settle promises and catch their own.
  }
}

void EnvState::begin(const CancelFlag& cancelled) {
  if (outstanding_.empty() && tsfn_ != nullptr) napi_ref_threadsafe_function(env_, tsfn_);
  outstanding_.insert(cancelled);
}

void EnvState::end(const CancelFlag& cancelled) {
  auto found = outstanding_.find(cancelled);
  if (found == outstanding_.end()) return;
  outstanding_.erase(found);
  if (outstanding_.empty() && tsfn_ != nullptr) napi_unref_threadsafe_function(env_, tsfn_);
}

}  // namespace mira::binding
