#include "server/models/published_version.h"

#include <nlohmann/json.hpp>

#include "core/text/strings.h"
#include "core/training/training_json.h"
#include "server/models/model_json.h"

namespace fintag::server {

using nlohmann::json;

std::string PublishedVersionJson(const PublishedVersion& published) {
  const ModelVersion& version = published.version;
  return Dump(json{{"format", 1},
                   {"model", version.model},
                   {"version", version.version},
                   {"create_time_ms", version.create_time_ms},
                   {"job", version.job},
                   {"model_create_time_ms", published.model_create_time_ms},
                   {"model_position", published.model_position},
                   {"description", json::parse(ModelVersionJson(version))}});
}

absl::StatusOr<PublishedVersion> ParsePublishedVersion(std::string_view text) {
  try {
    const json object = json::parse(text);
    if (object.at("format") != 1) return absl::DataLossError("is of a format that this program does not know");
    absl::StatusOr<ModelVersion> version = ModelVersionFromJson(Dump(object.at("description")));
    if (!version.ok()) return version.status();
    PublishedVersion published;
    published.version = *std::move(version);
    object.at("model").get_to(published.version.model);
    object.at("version").get_to(published.version.version);
    object.at("create_time_ms").get_to(published.version.create_time_ms);
    object.at("job").get_to(published.version.job);
    object.at("model_create_time_ms").get_to(published.model_create_time_ms);
    object.at("model_position").get_to(published.model_position);
    return published;
  } catch (const json::exception& error) {
    return absl::DataLossError(StrCat("is damaged: ", error.what()));
  }
}

}  // namespace fintag::server
