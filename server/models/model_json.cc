#include "server/models/model_json.h"

#include <nlohmann/json.hpp>

#include "core/text/strings.h"
#include "core/training/training_json.h"

namespace fintag::server {
namespace {

using nlohmann::json;

json ArchitectureJson(const ModelArchitecture& architecture) {
  return {{"model_type", architecture.model_type},
          {"parameters", architecture.parameters},
          {"layers", architecture.layers},
          {"hidden_size", architecture.hidden_size},
          {"heads", architecture.heads},
          {"intermediate_size", architecture.intermediate_size},
          {"vocabulary_size", architecture.vocabulary_size},
          {"max_positions", architecture.max_positions}};
}

ModelArchitecture ArchitectureFromJson(const json& object) {
  ModelArchitecture architecture;
  object.at("model_type").get_to(architecture.model_type);
  object.at("parameters").get_to(architecture.parameters);
  object.at("layers").get_to(architecture.layers);
  object.at("hidden_size").get_to(architecture.hidden_size);
  object.at("heads").get_to(architecture.heads);
  object.at("intermediate_size").get_to(architecture.intermediate_size);
  object.at("vocabulary_size").get_to(architecture.vocabulary_size);
  object.at("max_positions").get_to(architecture.max_positions);
  return architecture;
}

}  // namespace

std::string ModelVersionJson(const ModelVersion& version) {
  json object = {{"architecture", ArchitectureJson(version.architecture)},
                 {"tags", version.tags},
                 {"base", version.base},
                 {"dataset", version.dataset},
                 {"size_bytes", version.size_bytes},
                 {"weights_sha256", version.weights_sha256},
                 {"notes", version.notes}};
  if (version.scores) object["scores"] = ToJson(*version.scores);
  if (version.unseen) object["unseen"] = ToJson(*version.unseen);
  if (version.word_lookup) object["word_lookup"] = ToJson(*version.word_lookup);
  return Dump(object);
}

absl::StatusOr<ModelVersion> ModelVersionFromJson(std::string_view text) {
  try {
    const json object = json::parse(text);
    ModelVersion version;
    version.architecture = ArchitectureFromJson(object.at("architecture"));
    object.at("tags").get_to(version.tags);
    object.at("base").get_to(version.base);
    object.at("dataset").get_to(version.dataset);
    object.at("size_bytes").get_to(version.size_bytes);
    object.at("weights_sha256").get_to(version.weights_sha256);
    object.at("notes").get_to(version.notes);
    if (object.contains("scores")) version.scores = ScoresFromJson(object["scores"]);
    if (object.contains("unseen")) version.unseen = EntityScoresFromJson(object["unseen"]);
    if (object.contains("word_lookup")) version.word_lookup = ScoresFromJson(object["word_lookup"]);
    return version;
  } catch (const json::exception&) {  // whose message may quote what is there
    return absl::DataLossError("the description of a model version is damaged");
  }
}

}  // namespace fintag::server
