// See role_args.h. Lengths and ranges are the core's to check, on the engine thread.
#include "native/binding/role_args.h"
#include "native/binding/args.h"

namespace mira::binding {

PackedBatch batch_argument(Napi::Value value) {
  const Napi::Object batch = object_argument(value, "batch");
  const Napi::Value groups = field(batch, "groups");
  return {int32_argument(field(batch, "ids"), "batch.ids"), int32_argument(field(batch, "offsets"), "batch.offsets"),
          int32_argument(field(batch, "scored"), "batch.scored"),
          missing(groups) ? at::Tensor() : int32_argument(groups, "batch.groups")};
}

Objective objective_argument(Napi::Value value) {
  const Napi::Object o = object_argument(value, "objective");
  const std::string kind = string_argument(field(o, "kind"), "objective.kind");
  const auto vector = [&](const char* key) { return float32_argument(field(o, key), std::string("objective.") + key); };
  const auto number = [&](const char* key) { return number_argument(field(o, key), std::string("objective.") + key); };
  if (kind == "nll") return NllObjective{vector("weights"), number("normaliser")};
  if (kind == "weighted") return WeightedObjective{vector("weights"), number("normaliser")};
  if (kind == "gradient") return GradientObjective{vector("gradient")};
  if (kind == "regression")
    return RegressionObjective{number("beta"), vector("advantages"), vector("reference"), vector("weights"),
                               number("normaliser"),
                               bool_argument(field(o, "lengthNormalised"), "objective.lengthNormalised")};
  throw_type_error(value.Env(), "objective.kind", "'nll', 'regression', 'weighted' or 'gradient'", field(o, "kind"));
}

CriticTargets critic_argument(Napi::Value value) {
  const Napi::Object spec = object_argument(value, "spec");
  CriticTargets targets{float32_argument(field(spec, "targets"), "spec.targets"),
                        float32_argument(field(spec, "weights"), "spec.weights"), {},
                        number_argument(field(spec, "normaliser"), "spec.normaliser")};
  for (const std::string& loss : strings_argument(field(spec, "losses"), "spec.losses")) {
    if (loss != "bce" && loss != "mse") throw_type_error(value.Env(), "spec.losses", "'bce' or 'mse'", Napi::String::New(value.Env(), loss));
    targets.losses.push_back(loss == "bce" ? CriticLoss::bce : CriticLoss::mse);
  }
  return targets;
}

namespace {

// One of a few words, as the value that stands for it.
template <class T>
T choice_argument(Napi::Value value, const std::string& name, const std::vector<std::pair<const char*, T>>& choices) {
  const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  std::string expected;
  for (const auto& [word, meaning] : choices) {
    if (text == word) return meaning;
    expected += std::string(expected.empty() ? "'" : ", '") + word + "'";
  }
  throw_type_error(value.Env(), name, "one of " + expected, value);
}

}  // namespace

AdamWSpec adamw_argument(Napi::Value value) {
  const Napi::Object spec = object_argument(value, "spec");
  AdamWSpec out{number_argument(field(spec, "beta1"), "spec.beta1"), number_argument(field(spec, "beta2"), "spec.beta2"),
                number_argument(field(spec, "eps"), "spec.eps"),
                number_argument(field(spec, "weightDecay"), "spec.weightDecay")};
  if (const Napi::Value state = field(spec, "state"); !missing(state))
    out.state = choice_argument<AdamWState>(state, "spec.state",
                                            {{"float32", AdamWState::float32},
                                             {"stochastic", AdamWState::stochastic},
                                             {"split", AdamWState::split},
                                             {"int8", AdamWState::int8}});
  if (const Napi::Value gradients = field(spec, "gradients"); !missing(gradients))
    out.gradients = choice_argument<GradientStorage>(
        gradients, "spec.gradients", {{"float32", GradientStorage::float32}, {"parameter", GradientStorage::parameter}});
  if (const Napi::Value seed = field(spec, "seed"); !missing(seed)) out.seed = seed_argument(seed, "spec.seed");
  return out;
}

Checkpoint checkpoint_argument(Napi::Value value) {
  return choice_argument<Checkpoint>(
      value, "options.checkpoint",
      {{"none", Checkpoint::none}, {"full", Checkpoint::full}, {"selective", Checkpoint::selective}});
}

Exact exact_argument(Napi::Value value) {
  if (missing(value)) return Exact::off;
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value() ? Exact::automatic : Exact::off;
  const std::string kind = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (kind == "packed") return Exact::packed;
  if (kind == "slots") return Exact::slots;
  throw_type_error(value.Env(), "options.exact", "a boolean, 'packed' or 'slots'", value);
}

}  // namespace mira::binding
