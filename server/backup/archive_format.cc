#include "server/backup/archive_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

using nlohmann::json;

constexpr size_t kLongestName = 255;
constexpr size_t kDeepest = 4;  // jobs/{id}/checkpoint/{file}

}  // namespace

std::string ManifestJson(const Manifest& manifest) {
  const json object = {{"format", manifest.format},
                       {"program_version", manifest.program_version},
                       {"schema_version", manifest.schema_version},
                       {"create_time_ms", manifest.create_time_ms},
                       {"datasets", manifest.datasets},
                       {"model_versions", manifest.model_versions},
                       {"jobs", manifest.jobs},
                       {"files", manifest.files},
                       {"files_bytes", manifest.files_bytes}};
  return object.dump(2) + "\n";
}

absl::StatusOr<Manifest> ManifestFromJson(std::string_view text, int64_t known_schema) {
  Manifest manifest;
  try {
    const json object = json::parse(text);
    object.at("format").get_to(manifest.format);
    object.at("program_version").get_to(manifest.program_version);
    // Before the rest, which another format may have otherwise.
    if (manifest.format > kArchiveFormat) {
      return absl::FailedPreconditionError(StrCat("the archive has format ", manifest.format, ", this program knows ",
                                                  kArchiveFormat, ": restore it with fintagd ",
                                                  manifest.program_version, " or newer"));
    }
    object.at("schema_version").get_to(manifest.schema_version);
    object.at("create_time_ms").get_to(manifest.create_time_ms);
    object.at("datasets").get_to(manifest.datasets);
    object.at("model_versions").get_to(manifest.model_versions);
    object.at("jobs").get_to(manifest.jobs);
    object.at("files").get_to(manifest.files);
    object.at("files_bytes").get_to(manifest.files_bytes);
  } catch (const json::exception&) {
    return absl::DataLossError(StrCat(kManifestName, " of the archive is damaged"));
  }
  if (manifest.format < 1 || manifest.schema_version < 1 || manifest.files < 0 || manifest.files_bytes < 0) {
    return absl::DataLossError(StrCat(kManifestName, " of the archive is damaged"));
  }
  if (manifest.schema_version > known_schema) {
    return absl::FailedPreconditionError(StrCat("the store in the archive has schema version ", manifest.schema_version,
                                                ", this program knows ", known_schema, ": restore it with fintagd ",
                                                manifest.program_version, " or newer"));
  }
  return manifest;
}

bool IsPlainFileName(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), plain);
}

bool IsArchivedName(std::string_view name) {
  if (name == "fintag.db" || name == "audit.log") return true;
  const std::vector<std::string> parts = absl::StrSplit(AbslView(name), '/');
  if (parts.size() < 3 || parts.size() > kDeepest) return false;
  if (parts[0] != "datasets" && parts[0] != "models" && parts[0] != "jobs") return false;
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return IsPlainFileName(part); });
}

}  // namespace fintag::server
