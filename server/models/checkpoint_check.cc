#include "server/models/checkpoint_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "core/model/checkpoint_folder.h"
#include "core/text/strings.h"
#include "core/text/wordpiece_tokenizer.h"
#include "core/training/sha256.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNotes = 100;

// A fault of the import, whatever the reader called it: to the caller a missing file of his upload is a wrong argument.
absl::Status AsImportError(const absl::Status& status, const fs::path& folder) {
  const bool caller = absl::IsNotFound(status) || absl::IsOutOfRange(status) || absl::IsDataLoss(status) ||
                      absl::IsFailedPrecondition(status) || absl::IsUnimplemented(status);
  // The reader's messages name files by their path on the server, which is no business of the caller.
  std::string message = absl::StrReplaceAll(status.message(), {{folder.string() + "/", ""}});
  message = absl::StrReplaceAll(message, {{folder.string(), "the checkpoint"}});
  return absl::Status(caller ? absl::StatusCode::kInvalidArgument : status.code(), message);
}

bool IsPlainName(const std::string& name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 128 && name.front() != '.' && std::all_of(name.begin(), name.end(), plain);
}

// Sum of the sizes of the files in `folder`, which holds regular files of plain names alone.
absl::StatusOr<int64_t> CheckFiles(const fs::path& folder) {
  int64_t size = 0;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::end(entry); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!IsPlainName(name)) {
      return absl::InvalidArgumentError(
          StrCat("file name \"", absl::CHexEscape(name.substr(0, 128)),
                 "\": must be 1 to 128 characters of a-z, A-Z, 0-9, '.', '_' and '-', not starting with '.'"));
    }
    // Of the entry itself: a link could lead out of the folder.
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    if (status.type() != fs::file_type::regular) {
      return absl::InvalidArgumentError(StrCat(name, ": is no regular file"));
    }
    size += static_cast<int64_t>(entry->file_size(error));
    if (error) break;
  }
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot list ", folder.string()));
  return size;
}

void Describe(Checkpoint& checkpoint, ModelVersion& version) {
  const BertConfig& config = checkpoint.config;
  ModelArchitecture& architecture = version.architecture;
  architecture.layers = config.layers;
  architecture.hidden_size = config.hidden_size;
  architecture.heads = config.heads;
  architecture.intermediate_size = config.intermediate_size;
  architecture.vocabulary_size = config.vocabulary_size;
  architecture.max_positions = config.max_positions;
  for (const auto& [name, tensor] : checkpoint.tensors) architecture.parameters += tensor.numel();
  version.notes = std::move(checkpoint.notes);
  if (checkpoint.tensors.contains("classifier.weight")) {
    version.tags = config.tags;
    if (config.tags.empty()) {
      version.notes.push_back("config.json names no tags for the classifier: taken as a base encoder");
    }
  } else if (!config.tags.empty()) {
    version.notes.push_back("config.json names tags, but the weights have no classifier: taken as a base encoder");
  }
  if (version.notes.size() > kMostNotes) {
    const size_t more = version.notes.size() - kMostNotes;
    version.notes.resize(kMostNotes);
    version.notes.push_back(StrCat("and ", more, " more"));
  }
}

}  // namespace

absl::StatusOr<ModelVersion> CheckCheckpoint(const fs::path& folder) {
  ModelVersion version;
  absl::StatusOr<int64_t> size = CheckFiles(folder);
  if (!size.ok()) return size.status();
  version.size_bytes = *size;
  absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(folder);
  if (!checkpoint.ok()) return AsImportError(checkpoint.status(), folder);
  Describe(*checkpoint, version);
  absl::StatusOr<std::shared_ptr<const WordPieceTokenizer>> tokenizer = WordPieceTokenizer::Load(folder);
  if (!tokenizer.ok()) return AsImportError(tokenizer.status(), folder);
  if ((*tokenizer)->vocabulary_size() > checkpoint->config.vocabulary_size) {
    return absl::InvalidArgumentError(StrCat("the tokenizer has ", (*tokenizer)->vocabulary_size(),
                                             " tokens, but vocab_size in config.json is ",
                                             checkpoint->config.vocabulary_size));
  }
  absl::StatusOr<std::string> sha256 = Sha256HexOfWeights(folder);
  if (!sha256.ok()) return AsImportError(sha256.status(), folder);
  version.weights_sha256 = *std::move(sha256);
  return version;
}

}  // namespace fintag::server
