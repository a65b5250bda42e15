// A folder that appears, or replaces its predecessor, in one step: after a kill or a power cut at any moment the old
// one or the new one is there, whole.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fintag {

// One writer at a time for a target. Usage: Create, write files under path(), Commit. What is not committed is
// removed by the destructor, and what a kill left behind by the next Create.
class AtomicFolder {
 public:
  enum class Replacement {
    kExchange,    // renameat2(RENAME_EXCHANGE); falls back to kTwoRenames on file systems without it (NFS)
    kTwoRenames,  // between the two, the old folder stands beside `target` and Readable() finds it
  };

  // Makes an empty folder ".NAME.new" beside `target`, and the folders above it where they are missing. Cleans up
  // after a writer that was killed. INVALID_ARGUMENT for an empty name and for the root.
  static absl::StatusOr<AtomicFolder> Create(const std::filesystem::path& target);

  // Undoes what a killed writer left half done: nothing stands beside `target` afterwards, and the last one that was
  // committed is there. Create does it for a writer; this is for who comes after the last one.
  static absl::Status Recover(const std::filesystem::path& target);

  // `target`, or where a kill fell between kTwoRenames' steps the old folder beside it.
  static std::filesystem::path Readable(const std::filesystem::path& target);

  AtomicFolder(AtomicFolder&& other) noexcept;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder();

  // Where to write; files directly in it only.
  const std::filesystem::path& path() const { return path_; }

  // Syncs the files and the folder, puts it at the target, syncs the folder above and deletes the old one.
  absl::Status Commit(Replacement replacement = Replacement::kExchange);

 private:
  AtomicFolder(std::filesystem::path target, std::filesystem::path path)
      : target_(std::move(target)), path_(std::move(path)) {}

  std::filesystem::path target_;
  std::filesystem::path path_;  // empty once committed or moved from
};

}  // namespace fintag
