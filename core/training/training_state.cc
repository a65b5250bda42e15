#include "core/training/training_state.h"

#include <c10/core/GradMode.h>

#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/model/atomic_folder.h"
#include "core/model/safetensors.h"
#include "core/training/file_io.h"
#include "core/training/training_json.h"

namespace fintag {
namespace {

constexpr char kJsonFile[] = "state.json";
constexpr char kTensorFile[] = "state.safetensors";
constexpr int kFormat = 1;
// What a tensor is, before its parameter's name.
constexpr char kWeight[] = "weight/";
constexpr char kFirst[] = "first/";
constexpr char kSecond[] = "second/";

void AddTensors(const char* kind, const TensorMap& tensors, TensorMap& all) {
  for (const auto& [name, tensor] : tensors) all[absl::StrCat(kind, name)] = tensor;
}

std::string JsonOf(const TrainingState& state) {
  nlohmann::json epochs = nlohmann::json::array();
  for (const EpochResult& epoch : state.epochs) epochs.push_back(ToJson(epoch));
  return Dump({{"format", kFormat},
               {"run", state.run},
               {"steps", state.steps},
               {"batches", static_cast<int64_t>(state.batches)},
               {"best_epoch", state.best_epoch},
               {"kept_epoch", state.kept_epoch},
               {"optimizer_steps", state.optimizer.steps},
               {"rows", state.optimizer.rows},
               {"epochs", std::move(epochs)}}) +
         "\n";
}

absl::Status ReadJson(const std::string& text, TrainingState& state) {
  const nlohmann::json object = nlohmann::json::parse(text);
  if (object.at("format") != kFormat) {
    return absl::DataLossError(absl::StrCat(kJsonFile, ": format ", Dump(object["format"]), " is not known"));
  }
  object.at("run").get_to(state.run);
  ReadInteger(object.at("steps"), state.steps);
  ReadInteger(object.at("batches"), state.batches);
  ReadInteger(object.at("best_epoch"), state.best_epoch);
  ReadInteger(object.at("kept_epoch"), state.kept_epoch);
  ReadInteger(object.at("optimizer_steps"), state.optimizer.steps);
  object.at("rows").get_to(state.optimizer.rows);
  for (const nlohmann::json& epoch : object.at("epochs")) state.epochs.push_back(EpochResultFromJson(epoch));
  return absl::OkStatus();
}

absl::Status ReadTensors(const std::string& bytes, TrainingState& state) {
  const absl::StatusOr<std::vector<StoredTensor>> tensors =
      ParseSafetensors({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (!tensors.ok()) return tensors.status();
  for (const StoredTensor& stored : *tensors) {
    const absl::StatusOr<at::Tensor> tensor = ToFloat32(stored);
    if (!tensor.ok()) return tensor.status();
    for (const auto& [kind, map] : {std::pair(kWeight, &state.weights), std::pair(kFirst, &state.optimizer.first),
                                    std::pair(kSecond, &state.optimizer.second)}) {
      const std::string_view start(kind);
      if (stored.name.starts_with(start)) (*map)[stored.name.substr(start.size())] = *tensor;
    }
  }
  return absl::OkStatus();
}

// The two files as they are, to be sent to other ranks; empty where there is no state.
struct StoredState {
  std::string json;
  std::string tensors;
};

absl::StatusOr<StoredState> ReadStoredState(const std::filesystem::path& folder) {
  const std::filesystem::path place = AtomicFolder::Readable(folder);
  std::error_code error;
  if (!std::filesystem::exists(place, error)) return StoredState();
  absl::StatusOr<std::string> json = ReadFile(place / kJsonFile);
  if (!json.ok()) return json.status();
  absl::StatusOr<std::string> tensors = ReadFile(place / kTensorFile);
  if (!tensors.ok()) return tensors.status();
  return StoredState{*std::move(json), *std::move(tensors)};
}

absl::StatusOr<TrainingState> ParseTrainingState(const StoredState& stored) {
  TrainingState state;
  try {
    if (absl::Status read = ReadJson(stored.json, state); !read.ok()) return read;
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(absl::StrCat(kJsonFile, ": ", error.what()));
  }
  if (absl::Status read = ReadTensors(stored.tensors, state); !read.ok()) {
    return absl::DataLossError(absl::StrCat(kTensorFile, ": ", read.message()));
  }
  return state;
}

}  // namespace

absl::Status WriteTrainingState(const std::filesystem::path& folder, const TrainingState& state) {
  absl::StatusOr<AtomicFolder> place = AtomicFolder::Create(folder);
  if (!place.ok()) return place.status();
  TensorMap tensors;
  AddTensors(kWeight, state.weights, tensors);
  AddTensors(kFirst, state.optimizer.first, tensors);
  AddTensors(kSecond, state.optimizer.second, tensors);
  if (absl::Status written = WriteSafetensors(place->path() / kTensorFile, tensors); !written.ok()) return written;
  if (absl::Status written = ReplaceFile(place->path() / kJsonFile, JsonOf(state)); !written.ok()) return written;
  return place->Commit();
}

absl::StatusOr<std::optional<TrainingState>> FindTrainingState(const std::filesystem::path& folder, RankGroup* ranks) {
  StoredState stored;
  if (ranks == nullptr || ranks->place().rank == 0) {
    absl::StatusOr<StoredState> read = ReadStoredState(folder);
    if (!read.ok()) return read.status();
    stored = *std::move(read);
  }
  if (ranks != nullptr) {
    for (std::string* bytes : {&stored.json, &stored.tensors}) {
      if (absl::Status sent = ranks->Broadcast(*bytes); !sent.ok()) return sent;
    }
  }
  if (stored.json.empty()) return std::nullopt;
  absl::StatusOr<TrainingState> state = ParseTrainingState(stored);
  if (!state.ok()) {
    return absl::DataLossError(absl::StrCat("the training state in ", folder.string(),
                                            " is damaged: ", state.status().message(), ": remove it to start anew"));
  }
  return *std::move(state);
}

void CopyWeights(const TrainingState& state, const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  const c10::NoGradGuard no_gradient;
  for (const auto& [name, parameter] : parameters) {
    const auto weight = state.weights.find(name);
    TORCH_CHECK(weight != state.weights.end() && weight->second.sizes() == parameter.sizes(),
                "the training state has no ", name, " of shape ", parameter.sizes());
    parameter.copy_(weight->second);
  }
}

}  // namespace fintag
