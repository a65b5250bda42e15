#include "server/serving/checked_load.h"

#include <cerrno>

#include "core/text/strings.h"
#include "core/training/sha256.h"
#include "server/storage/disk_error.h"

namespace fintag::server {

absl::Status CheckWeights(const ModelVersion& version, const std::filesystem::path& folder) {
  const auto damaged = [&](std::string_view why) {
    return absl::DataLossError(StrCat("the files of ", version.name(), " are damaged (", why,
                                      "): import or train it again and delete this version, or restore a backup"));
  };
  absl::StatusOr<std::string> sha256 = Sha256HexOfWeights(folder);
  if (absl::IsNotFound(sha256.status())) return damaged("its weights are gone");
  if (absl::IsResourceExhausted(sha256.status())) {
    return DiskError(EMFILE, StrCat("cannot read the weights of ", version.name()));
  }
  if (absl::IsPermissionDenied(sha256.status())) {
    return absl::UnavailableError(StrCat("the server may not read the weights of ", version.name(),
                                         ": give the files back to the user that it runs as"));
  }
  if (!sha256.ok()) return damaged("its weights cannot be read");
  if (*sha256 != version.weights_sha256) return damaged("its weights have another SHA-256 than when they were stored");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Tagger>> CheckedLoad(const ModelVersion& version, const std::filesystem::path& folder,
                                                    const TaggerOptions& options) {
  if (absl::Status whole = CheckWeights(version, folder); !whole.ok()) return whole;
  return Tagger::Load(folder, options);
}

}  // namespace fintag::server
