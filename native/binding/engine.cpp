// The engine thread and the promises it settles; see engine.h and env_state.h.
#include "native/binding/engine.h"
#include <stdexcept>
#include <string>
#include "native/binding/args.h"
#include "native/binding/cancel_token.h"
#include "native/binding/engine_thread.h"
#include "native/binding/env_state.h"
#include "native/binding/errors.h"
#include "native/binding/exports.h"
#include "native/core/deterministic.h"

namespace mira::binding {
namespace {

// What a promise needs until it is settled. Raw handles on purpose: when the environment is gone they are
// gone with it, and dropping this struct on the engine thread then touches nothing of Node.
struct Pending {
  std::shared_ptr<EnvState> env;
  napi_deferred deferred = nullptr;
  napi_ref called_from = nullptr;
  std::string verb;
  CancelFlag cancelled;
};

void settle(Napi::Env env, Pending& pending, const Deliver& deliver, std::exception_ptr error) {
  napi_value stack_holder = nullptr;
  napi_get_reference_value(env, pending.called_from, &stack_holder);
  napi_delete_reference(env, pending.called_from);
  pending.env->end(pending.cancelled);
  Napi::Value called_from(env, stack_holder);
  napi_value reason = nullptr;
  if (!error) {
    try {
      Napi::Value value = deliver(env);
      napi_resolve_deferred(env, pending.deferred, value.IsEmpty() ? env.Undefined() : value);
      return;
    } catch (const Napi::Error& thrown) {
      reason = thrown.Value();
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (reason == nullptr) reason = make_js_error(env, describe_exception(error), pending.verb, called_from);
  napi_reject_deferred(env, pending.deferred, reason);
}

class PromiseCompletion final : public Completion {
 public:
  explicit PromiseCompletion(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}
  ~PromiseCompletion() override {
    if (!settled_) reject(std::make_exception_ptr(std::logic_error("the operation ended without a result")));
  }
  void resolve(Deliver deliver) override { post(std::move(deliver), nullptr); }
  void reject(std::exception_ptr error) override {
    if (error && describe_exception(error).fatal) EngineThread::instance().die(error);
    post({}, std::move(error));
  }
  const std::atomic<bool>& cancelled() const override { return *pending_->cancelled; }

 private:
  void post(Deliver deliver, std::exception_ptr error) {
    if (settled_.exchange(true)) return;
    pending_->env->post([pending = pending_, deliver = std::move(deliver),
                         error = std::move(error)](Napi::Env env) { settle(env, *pending, deliver, error); });
  }

  std::shared_ptr<Pending> pending_;
  std::atomic<bool> settled_{false};
};

}  // namespace

std::pair<Napi::Promise, std::shared_ptr<Completion>> make_completion(Napi::Env env, const char* verb,
                                                                      Napi::Value cancel_token) {
  auto pending = std::make_shared<Pending>();
  pending->env = EnvState::of(env);
  pending->verb = verb;
  pending->cancelled = CancelToken::flag_of(env, cancel_token);
  // V8 records the frames now; they are only turned into text if the promise is rejected.
  napi_value promise, error;
  napi_value message = Napi::String::New(env, "");
  if (napi_create_error(env, nullptr, message, &error) != napi_ok ||
      napi_create_reference(env, error, 1, &pending->called_from) != napi_ok ||
      napi_create_promise(env, &pending->deferred, &promise) != napi_ok) {
    throw Napi::Error::New(env);
  }
  pending->env->begin(pending->cancelled);
  return {Napi::Promise(env, promise), std::make_shared<PromiseCompletion>(std::move(pending))};
}

Napi::Promise run_on_engine(Napi::Env env, const char* verb, Napi::Value cancel_token, Work work) {
  auto [promise, completion] = make_completion(env, verb, cancel_token);
  post_to_engine([completion = std::move(completion), work = std::move(work)]() mutable {
    Deliver deliver;
    std::exception_ptr error;
    try {
      if (completion->cancelled()) throw Cancelled();
      EngineThread::instance().check_alive();
      deliver = work(completion->cancelled());
    } catch (...) {
      error = std::current_exception();
    }
    // Inputs go before JS hears of the result, so that what it disposes next is really the last reference.
    work = nullptr;
    if (error) completion->reject(std::move(error));
    else completion->resolve(std::move(deliver));
  });
  return promise;
}

void post_to_engine(std::function<void()> job) { EngineThread::instance().post(std::move(job)); }

void init_engine(Napi::Env env, Napi::Object exports) {
  exports.Set("CancelToken", CancelToken::define(env));
  exports.Set("setThreads", Napi::Function::New(
                                env,
                                [](const Napi::CallbackInfo& info) -> Napi::Value {
                                  int count = static_cast<int>(integer_argument(info[0], "count", 1, 4096));
                                  return run_on_engine(info.Env(), "setThreads", info.Env().Undefined(),
                                                       [count](const std::atomic<bool>&) -> Deliver {
                                                         EngineThread::instance().set_threads(count);
                                                         return [](Napi::Env deliver_env) {
                                                           return deliver_env.Undefined();
                                                         };
                                                       });
                                },
                                "setThreads"));
  exports.Set("setDeterministic", Napi::Function::New(
                                      env,
                                      [](const Napi::CallbackInfo& info) -> Napi::Value {
                                        const bool on = bool_argument(info[0], "on");
                                        return run_on_engine(info.Env(), "setDeterministic", info.Env().Undefined(),
                                                             [on](const std::atomic<bool>&) -> Deliver {
                                                               set_deterministic(on);
                                                               return [](Napi::Env deliver_env) {
                                                                 return deliver_env.Undefined();
                                                               };
                                                             });
                                      },
                                      "setDeterministic"));
}

}  // namespace mira::binding
