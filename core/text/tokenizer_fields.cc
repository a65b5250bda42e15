#include "core/text/tokenizer_fields.h"

#include <exception>
#include <stdexcept>

#include "core/text/strings.h"

namespace fintag {
namespace {

constexpr int kDeepest = 2;
constexpr int64_t kMostValues = 4'000'000;  // each takes 16 bytes at least, and a container 48 more

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(std::string_view bytes, std::string_view file) {
  using Event = nlohmann::json::parse_event_t;
  int64_t values = 0;
  const auto keep = [&values](int depth, Event event, const nlohmann::json&) {
    if (++values > kMostValues) throw std::length_error(StrCat("more than ", kMostValues, " values"));
    return depth <= kDeepest || (event != Event::object_start && event != Event::array_start);
  };
  try {
    nlohmann::json json = nlohmann::json::parse(bytes.begin(), bytes.end(), keep);
    if (json.is_object()) return json;
    return absl::InvalidArgumentError(StrCat(file, ": not a JSON object"));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(StrCat(file, ": not valid JSON: ", error.what()));
  }
}

absl::Status JsonFields::Error(std::string_view name, std::string_view reason) const {
  const bool top = place_.ends_with(':');
  return absl::InvalidArgumentError(StrCat(place_, top ? " " : ".", name, " ", reason));
}

const nlohmann::json* JsonFields::Find(std::string_view name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

absl::Status JsonFields::Read(std::string_view name, bool& value) const {
  const nlohmann::json* field = Find(name);
  if (field == nullptr) return Error(name, "is missing; it must be true or false");
  if (!field->is_boolean()) return Error(name, "must be true or false");
  value = field->get<bool>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name, int64_t& value) const {
  const nlohmann::json* field = Find(name);
  if (field == nullptr) return Error(name, "is missing; it must be a whole number");
  const bool fits =
      field->is_number_integer() && (!field->is_number_unsigned() || field->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (!fits) return Error(name, "must be a whole number");
  value = field->get<int64_t>();
  return absl::OkStatus();
}

absl::Status JsonFields::Read(std::string_view name, std::string& value) const {
  const nlohmann::json* field = Find(name);
  if (field == nullptr) return Error(name, "is missing; it must be a string");
  if (!field->is_string()) return Error(name, "must be a string");
  value = field->get<std::string>();
  return absl::OkStatus();
}

absl::StatusOr<JsonFields> JsonFields::Object(std::string_view name) const {
  const nlohmann::json* field = Find(name);
  if (field == nullptr) return Error(name, "is missing; it must be an object");
  if (!field->is_object()) return Error(name, "must be an object");
  const bool top = place_.ends_with(':');
  return JsonFields(*field, StrCat(place_, top ? " " : ".", name));
}

}  // namespace fintag
