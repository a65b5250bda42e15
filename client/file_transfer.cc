#include "client/file_transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

constexpr size_t kChunkBytes = 256 << 10;

std::filesystem::path PathOf(const std::filesystem::path& folder, const fintag::v1::FileDescription& description) {
  return folder / description.file_name();
}

}  // namespace

absl::Status FileError(const std::filesystem::path& path, int error_number) {
  const std::string message = absl::StrCat(path.string(), ": ", std::strerror(error_number));
  if (error_number == ENOENT || error_number == ENOTDIR) return absl::NotFoundError(message);
  if (error_number == EACCES || error_number == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnknownError(message);
}

absl::StatusOr<fintag::v1::FileDescription> DescribeFile(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return FileError(path, error ? error.value() : ENOENT);
  if (!std::filesystem::is_regular_file(status)) {
    return absl::InvalidArgumentError(path.string() + ": not a plain file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return FileError(path, errno);
  fintag::v1::FileDescription description;
  Sha256 sha256;
  std::string buffer(kChunkBytes, '\0');
  int64_t size = 0;
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0) {
    sha256.Update(std::string_view(buffer.data(), static_cast<size_t>(file.gcount())));
    size += file.gcount();
  }
  if (file.bad()) return FileError(path, EIO);
  const std::string name = path.filename().string();
  description.set_file_name(FindInvalidUtf8(name).has_value() ? "file" : name);
  description.set_size_bytes(size);
  description.set_sha256(sha256.Finish());
  return description;
}

absl::StatusOr<bool> SendFile(const std::filesystem::path& path, const fintag::v1::FileDescription& description,
                              TransferMeter& meter, const std::function<bool(std::string chunk)>& send) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return FileError(path, errno);
  int64_t left = description.size_bytes();
  while (left > 0) {
    std::string chunk(static_cast<size_t>(std::min<int64_t>(left, kChunkBytes)), '\0');
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (file.gcount() != static_cast<std::streamsize>(chunk.size())) {
      return absl::FailedPreconditionError(path.string() + ": the file changed while it was sent");
    }
    const size_t bytes = chunk.size();
    if (!send(std::move(chunk))) return false;
    meter.Add(bytes);
    left -= static_cast<int64_t>(bytes);
  }
  return true;
}

absl::StatusOr<std::unique_ptr<FileReceiver>> FileReceiver::Create(
    const std::filesystem::path& folder, const std::vector<fintag::v1::FileDescription>& descriptions) {
  std::set<std::string> names;
  for (const auto& description : descriptions) {
    const std::string& name = description.file_name();
    const bool plain = !name.empty() && name != "." && name != ".." &&
                       name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
    if (!plain) return absl::InvalidArgumentError(absl::StrCat("the server sent a bad file name: \"", name, "\""));
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat("the server sent the file name ", name, " twice"));
    }
    if (description.size_bytes() < 0) {
      return absl::InvalidArgumentError(absl::StrCat("the server sent a negative size for ", name));
    }
  }
  std::unique_ptr<FileReceiver> receiver(new FileReceiver(folder, descriptions));
  if (absl::Status status = receiver->OpenNext(); !status.ok()) return status;
  return receiver;
}

absl::Status FileReceiver::OpenNext() {
  while (next_ < descriptions_.size()) {
    const fintag::v1::FileDescription& description = descriptions_[next_++];
    file_.open(PathOf(folder_, description), std::ios::binary | std::ios::trunc);
    if (!file_) return FileError(PathOf(folder_, description), errno);
    sha256_ = std::make_unique<Sha256>();
    left_ = description.size_bytes();
    if (left_ > 0) return absl::OkStatus();
    if (absl::Status status = CloseCurrent(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FileReceiver::CloseCurrent() {
  const fintag::v1::FileDescription& description = descriptions_[next_ - 1];
  file_.close();
  if (!file_) return FileError(PathOf(folder_, description), errno != 0 ? errno : EIO);
  file_.clear();
  const std::string sum = sha256_->Finish();
  if (sum != description.sha256()) {
    return absl::DataLossError(absl::StrCat(description.file_name(), ": the checksum of what arrived is ", sum,
                                            ", not ", description.sha256()));
  }
  return absl::OkStatus();
}

absl::Status FileReceiver::Write(std::string_view chunk) {
  while (!chunk.empty()) {
    if (left_ == 0) return absl::DataLossError("the server sent more than it described");
    const std::string_view piece = chunk.substr(0, static_cast<size_t>(left_));
    sha256_->Update(piece);
    file_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (!file_) return FileError(PathOf(folder_, descriptions_[next_ - 1]), errno != 0 ? errno : EIO);
    left_ -= static_cast<int64_t>(piece.size());
    chunk.remove_prefix(piece.size());
    if (left_ > 0) continue;
    if (absl::Status status = CloseCurrent(); !status.ok()) return status;
    if (absl::Status status = OpenNext(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status FileReceiver::Finish() {
  if (left_ == 0 && next_ == descriptions_.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the server's answer ended within ", descriptions_[next_ - 1].file_name()));
}

}  // namespace fintag::client
