// Fields of a JSON file with errors that name file and field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace fintag {

inline constexpr std::string_view kTokenizerConfigFile = "tokenizer_config.json";

// Parses `bytes`, which must hold one JSON object. Containers nested deeper than three levels are dropped: nothing we
// read lies there, and a hostile file must not make us hold them; nor more than some millions of values.
absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view bytes, std::string_view file);

// A JSON object and where it is: "tokenizer.json: model".
class JsonFields {
 public:
  JsonFields(const nlohmann::json& object, std::string place) : object_(object), place_(std::move(place)) {}

  // Each is INVALID_ARGUMENT if the field is missing or has another type.
  absl::Status Read(std::string_view name, bool& value) const;
  absl::Status Read(std::string_view name, int64_t& value) const;
  absl::Status Read(std::string_view name, std::string& value) const;
  absl::StatusOr<JsonFields> Object(std::string_view name) const;

  // The field, or nullptr if it is missing or null.
  const nlohmann::json* Find(std::string_view name) const;
  const nlohmann::json& json() const { return object_; }

  // INVALID_ARGUMENT "PLACE.NAME REASON".
  absl::Status Error(std::string_view name, std::string_view reason) const;

 private:
  const nlohmann::json& object_;
  std::string place_;
};

}  // namespace fintag
