#include "core/model/strict_json.h"

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/model/printable.h"
#include "core/text/strings.h"

namespace fintag {
namespace {

using nlohmann::json;

constexpr int kDeepest = 32;
constexpr int64_t kMostValues = 1'000'000;  // keys among them; the header of a BERT of 512 layers has 150,000

}  // namespace

absl::StatusOr<json> ParseJsonObject(std::string_view text) {
  // The parser itself keeps its stack on the heap and would follow any depth, and an empty
  // list of three bytes takes fifty of memory; the callback ends that.
  std::vector<std::set<std::string>> keys;
  int64_t values = 0;
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (++values > kMostValues) throw std::length_error(StrCat("more than ", kMostValues, " values"));
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      if (depth >= kDeepest) throw std::length_error(StrCat("nested deeper than ", kDeepest));
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      const std::string& key = value.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        throw std::invalid_argument(StrCat("key \"", Printable(key), "\" occurs twice"));
      }
    }
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), check);
    if (!value.is_object()) return absl::InvalidArgumentError("not a JSON object");
    return value;
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(StrCat("not valid JSON: ", Printable(error.what())));
  }
}

}  // namespace fintag
