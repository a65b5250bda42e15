#include "core/training/training_json.h"

#include <limits>
#include <set>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace fintag {
namespace {

using nlohmann::json;

// The one list of options by name.
template <typename Options, typename Visitor>
void VisitOptions(Options& options, Visitor&& visit) {
  visit("epochs", options.epochs);
  visit("learning_rate", options.learning_rate);
  visit("batch_sentences", options.batch_sentences);
  visit("batch_tokens", options.batch_tokens);
  visit("gradient_accumulation", options.gradient_accumulation);
  visit("weight_decay", options.weight_decay);
  visit("adam_beta1", options.adam_beta1);
  visit("adam_beta2", options.adam_beta2);
  visit("adam_epsilon", options.adam_epsilon);
  visit("schedule", options.schedule);
  visit("warmup_ratio", options.warmup_ratio);
  visit("max_gradient_norm", options.max_gradient_norm);
  visit("dropout", options.dropout);
  visit("seed", options.seed);
  visit("keep", options.keep);
  visit("validation_fraction", options.validation_fraction);
  visit("shuffle", options.shuffle);
  visit("device", options.device);
  visit("precision", options.precision);
  visit("threads", options.threads);
  visit("processes", options.processes);
}

template <typename T>
json Encode(const T& value) {
  return value;
}
json Encode(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }
json Encode(const Schedule& value) { return value == Schedule::kLinear ? "linear" : "constant"; }
json Encode(const KeepCheckpoint& value) { return value == KeepCheckpoint::kBest ? "best" : "last"; }

// Each returns what the field must be, or nothing where `value` was taken over.
template <typename T>
const char* Decode(const json& value, T& field) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) return "true or false";
    field = value.get<bool>();
  } else if constexpr (std::is_same_v<T, uint64_t>) {
    if (!value.is_number_unsigned()) return "a whole number from 0 to 2^64 - 1";
    field = value.get<uint64_t>();
  } else if constexpr (std::is_same_v<T, int32_t>) {
    if (!value.is_number_integer() || value.get<int64_t>() < std::numeric_limits<int32_t>::min() ||
        value.get<int64_t>() > std::numeric_limits<int32_t>::max()) {
      return "a whole number";
    }
    field = static_cast<int32_t>(value.get<int64_t>());
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number()) return "a number";
    field = value.get<double>();
  } else {
    if (!value.is_string()) return "a string";
    field = value.get<std::string>();
  }
  return nullptr;
}
const char* Decode(const json& value, std::optional<double>& field) {
  field.reset();
  return value.is_null() ? nullptr : Decode(value, field.emplace());
}
const char* Decode(const json& value, Schedule& field) {
  field = value == "constant" ? Schedule::kConstant : Schedule::kLinear;
  return value == "linear" || value == "constant" ? nullptr : "linear or constant";
}
const char* Decode(const json& value, KeepCheckpoint& field) {
  field = value == "last" ? KeepCheckpoint::kLast : KeepCheckpoint::kBest;
  return value == "best" || value == "last" ? nullptr : "best or last";
}

}  // namespace

json ToJson(const TrainingOptions& options) {
  json object = json::object();
  VisitOptions(options, [&](const char* name, const auto& field) { object[name] = Encode(field); });
  return object;
}

absl::StatusOr<TrainingOptions> TrainingOptionsFromJson(const json& object) {
  if (!object.is_object()) return absl::InvalidArgumentError("options: must be an object");
  TrainingOptions options;
  std::vector<std::string> errors;
  std::set<std::string, std::less<>> known;
  VisitOptions(options, [&](const char* name, auto& field) {
    known.insert(name);
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (const char* wanted = Decode(*found, field)) {
      errors.push_back(absl::StrCat("options.", name, ": must be ", wanted, ", is ", Dump(*found)));
    }
  });
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) errors.push_back(absl::StrCat("options.", name, ": no such option"));
  }
  if (errors.empty()) {
    for (const FieldError& error : CheckTrainingOptions(options)) {
      errors.push_back(absl::StrCat("options.", error.field, ": ", error.reason));
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return options;
}

json ToJson(const EntityScores& scores) {
  return {{"label", scores.label},     {"precision", scores.precision}, {"recall", scores.recall},  {"f1", scores.f1},
          {"support", scores.support}, {"predicted", scores.predicted}, {"correct", scores.correct}};
}

json ToJson(const Scores& scores) {
  json labels = json::array();
  for (const EntityScores& label : scores.labels) labels.push_back(ToJson(label));
  return {{"micro", ToJson(scores.micro)}, {"macro", ToJson(scores.macro)}, {"labels", std::move(labels)},
          {"accuracy", scores.accuracy},   {"words", scores.words},         {"confusion", scores.confusion}};
}

json ToJson(const EpochResult& epoch) {
  return {{"epoch", epoch.epoch},
          {"train_loss", epoch.train_loss},
          {"validation_loss", epoch.validation_loss},
          {"scores", ToJson(epoch.scores)},
          {"unseen", ToJson(epoch.unseen)},
          {"train_seconds", epoch.train_seconds},
          {"validation_seconds", epoch.validation_seconds},
          {"tokens_per_second", epoch.tokens_per_second},
          {"best", epoch.best}};
}

EntityScores EntityScoresFromJson(const json& object) {
  EntityScores scores;
  object.at("label").get_to(scores.label);
  object.at("precision").get_to(scores.precision);
  object.at("recall").get_to(scores.recall);
  object.at("f1").get_to(scores.f1);
  ReadInteger(object.at("support"), scores.support);
  ReadInteger(object.at("predicted"), scores.predicted);
  ReadInteger(object.at("correct"), scores.correct);
  return scores;
}

Scores ScoresFromJson(const json& object) {
  Scores scores;
  scores.micro = EntityScoresFromJson(object.at("micro"));
  scores.macro = EntityScoresFromJson(object.at("macro"));
  for (const json& label : object.at("labels")) scores.labels.push_back(EntityScoresFromJson(label));
  object.at("accuracy").get_to(scores.accuracy);
  ReadInteger(object.at("words"), scores.words);
  // Not in what was written before it was counted.
  if (!object.contains("confusion")) return scores;
  for (const auto& [gold, row] : object["confusion"].get_ref<const json::object_t&>()) {
    for (const auto& [predicted, words] : row.get_ref<const json::object_t&>()) {
      ReadInteger(words, scores.confusion[gold][predicted]);
    }
  }
  return scores;
}

EpochResult EpochResultFromJson(const json& object) {
  EpochResult epoch;
  ReadInteger(object.at("epoch"), epoch.epoch);
  epoch.train_loss = NumberFromJson(object.at("train_loss"));
  epoch.validation_loss = NumberFromJson(object.at("validation_loss"));
  epoch.scores = ScoresFromJson(object.at("scores"));
  epoch.unseen = EntityScoresFromJson(object.at("unseen"));
  epoch.train_seconds = NumberFromJson(object.at("train_seconds"));
  epoch.validation_seconds = NumberFromJson(object.at("validation_seconds"));
  epoch.tokens_per_second = NumberFromJson(object.at("tokens_per_second"));
  object.at("best").get_to(epoch.best);
  return epoch;
}

json ToJson(const TrainingProgress& progress) {
  return {{"epoch", progress.epoch},
          {"step", progress.step},
          {"total_steps", progress.total_steps},
          {"epoch_fraction", progress.epoch_fraction},
          {"loss", progress.loss},
          {"learning_rate", progress.learning_rate},
          {"tokens", progress.tokens},
          {"tokens_per_second", progress.tokens_per_second},
          {"seconds_left", progress.seconds_left}};
}

TrainingProgress TrainingProgressFromJson(const json& object) {
  TrainingProgress progress;
  ReadInteger(object.at("epoch"), progress.epoch);
  ReadInteger(object.at("step"), progress.step);
  ReadInteger(object.at("total_steps"), progress.total_steps);
  progress.epoch_fraction = NumberFromJson(object.at("epoch_fraction"));
  progress.loss = NumberFromJson(object.at("loss"));
  progress.learning_rate = NumberFromJson(object.at("learning_rate"));
  ReadInteger(object.at("tokens"), progress.tokens);
  progress.tokens_per_second = NumberFromJson(object.at("tokens_per_second"));
  progress.seconds_left = NumberFromJson(object.at("seconds_left"));
  return progress;
}

double NumberFromJson(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::string Dump(const json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

}  // namespace fintag
