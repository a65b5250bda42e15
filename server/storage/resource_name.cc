#include "server/storage/resource_name.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr size_t kLongestId = 63;

// Of a foreign string, for a message.
std::string Shown(std::string_view text) { return absl::CHexEscape(AbslView(text.substr(0, 120))); }

}  // namespace

bool IsResourceId(std::string_view id) {
  const auto lower_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !id.empty() && id.size() <= kLongestId && lower_or_digit(id.front()) &&
         std::all_of(id.begin(), id.end(), [&](char c) { return lower_or_digit(c) || c == '-'; });
}

absl::Status CheckResourceId(std::string_view kind, std::string_view id) {
  if (IsResourceId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(
      kind, " id must be 1 to 63 characters of a-z, 0-9 and '-', the first a letter or digit, is \"", Shown(id), "\""));
}

absl::StatusOr<std::string> ParseDatasetName(std::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(AbslView(name), '/');
  if (parts.size() == 2 && parts[0] == "datasets" && IsResourceId(parts[1])) return parts[1];
  return absl::InvalidArgumentError(StrCat("dataset must be datasets/{id}, is \"", Shown(name), "\""));
}

absl::StatusOr<ModelName> ParseModelName(std::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(AbslView(name), '/');
  ModelName parsed;
  if ((parts.size() == 2 || parts.size() == 4) && parts[0] == "models" && IsResourceId(parts[1])) {
    parsed.id = parts[1];
    if (parts.size() == 2) return parsed;
    int64_t version = 0;
    // Printed back, so that " 1", "+1" and "01" are not second names of one version.
    if (parts[2] == "versions" && absl::SimpleAtoi(parts[3], &version) && version > 0 && parts[3] == StrCat(version)) {
      parsed.version = version;
      return parsed;
    }
  }
  return absl::InvalidArgumentError(
      StrCat("model must be models/{id} or models/{id}/versions/{n}, is \"", Shown(name), "\""));
}

}  // namespace fintag::server
