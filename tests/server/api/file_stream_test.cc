#include "server/api/file_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <random>

#include "absl/cleanup/cleanup.h"
#include "core/training/sha256.h"
#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

using fintag::v1::FileDescription;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

FileDescription Describe(const std::string& name, const std::string& content) {
  FileDescription file;
  file.set_file_name(name);
  file.set_size_bytes(static_cast<int64_t>(content.size()));
  file.set_sha256(Sha256Hex(content));
  return file;
}

std::string RandomBytes(std::mt19937& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::vector<std::string> Fields(const std::vector<FileDescription>& files) {
  std::vector<std::string> fields;
  for (size_t i = 0; i < files.size(); ++i) fields.push_back("files[" + std::to_string(i) + "]");
  return fields;
}

// With nobody else's uploads beside it.
absl::Status ReceiveInto(const std::vector<FileDescription>& files, const std::filesystem::path& folder,
                         bool plain_names, const std::function<const std::string*()>& next_chunk) {
  UploadRoom room([](const std::string&) { return 0; }, 0);
  UploadRoom::Claim claim(room, "ann", folder, TotalBytes(files));
  return ReceiveFiles(files, Fields(files), folder, plain_names, claim, next_chunk);
}

class FileStreamTest : public ::testing::Test {
 protected:
  absl::Status Receive(const std::vector<FileDescription>& files, std::vector<std::string> chunks,
                       bool plain_names = true) {
    size_t next = 0;
    return ReceiveInto(files, folder_.path(), plain_names,
                       [&]() -> const std::string* { return next < chunks.size() ? &chunks[next++] : nullptr; });
  }

  std::string Content(const std::string& name) const { return FileText(folder_.path() / name); }

  TemporaryFolder folder_;
};

TEST_F(FileStreamTest, FilesArriveWholeHoweverTheyAreCut) {
  for (int seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    const TemporaryFolder to;
    std::vector<FileDescription> files;
    std::vector<std::string> contents;
    std::string all;
    for (int i = 0; i < 4; ++i) {
      contents.push_back(RandomBytes(random, random() % 3 == 0 ? 0 : random() % 5000));
      files.push_back(Describe("file" + std::to_string(i), contents.back()));
      all += contents.back();
    }
    std::string chunk;
    const absl::Status status = ReceiveInto(files, to.path(), true, [&]() -> const std::string* {
      if (all.empty()) return nullptr;
      const size_t size = std::min<size_t>(all.size(), random() % 2000);
      chunk = all.substr(0, size);
      all.erase(0, size);
      return &chunk;
    });
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < 4; ++i) EXPECT_EQ(FileText(to.path() / files[i].file_name()), contents[i]);
  }
}

TEST_F(FileStreamTest, WithoutPlainNamesFilesAreNumbered) {
  ASSERT_TRUE(Receive({Describe("../../etc/passwd", "ab"), Describe("", "c")}, {"abc"}, /*plain_names=*/false).ok());
  EXPECT_EQ(Content("0"), "ab");
  EXPECT_EQ(Content("1"), "c");
}

TEST_F(FileStreamTest, StreamThatEndsEarlySaysHowMuchIsMissing) {
  const absl::Status status = Receive({Describe("a", "12345")}, {"12", "3"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), StartsWith("files[0].size_bytes: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 bytes before the end of \"a\""));
}

TEST_F(FileStreamTest, StreamThatGoesOnIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Receive({Describe("a", "123")}, {"1234"})));
  const absl::Status status = Receive({Describe("b", "123"), Describe("d", "4")}, {"123", "4", "5"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "files[1].size_bytes: the stream goes on behind the last file");
  EXPECT_TRUE(Receive({Describe("c", "123")}, {"123", ""}).ok());
}

TEST_F(FileStreamTest, WrongChecksumNamesTheFileAndNotItsContent) {
  FileDescription file = Describe("a", "secret");
  const absl::Status status = Receive({file}, {"sEcret"});
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), StartsWith("files[0].sha256: \"a\" arrived with SHA-256 "));
  EXPECT_THAT(std::string(status.message()), HasSubstr(file.sha256()));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sEcret")));
}

TEST_F(FileStreamTest, ChunksHaveALimit) {
  const std::string large(kLargestChunk + 1, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(Receive({Describe("a", large)}, {large})));
  EXPECT_TRUE(Receive({Describe("b", large)}, {large.substr(1), "x"}).ok());
}

TEST_F(FileStreamTest, FolderThatCannotBeWrittenIsAnError) {
  const absl::Status status = ReceiveInto({Describe("a", "x")}, folder_.path() / "none", true, [] {
    static const std::string chunk = "x";
    return &chunk;
  });
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write a"));
}

TEST_F(FileStreamTest, WhatDoesNotFitIsRefusedBeforeItIsSent) {
  FileDescription huge = Describe("a", "x");
  huge.set_size_bytes(int64_t{1} << 60);
  const absl::Status status = ReceiveInto({huge}, folder_.path(), true, []() -> const std::string* {
    ADD_FAILURE() << "asked for a chunk";
    return nullptr;
  });
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("there are 1152921504606846976 to come"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("delete models, datasets or finished jobs"));
}

TEST_F(FileStreamTest, DiskThatFillsMeanwhileEndsTheStream) {
  const std::filesystem::path disk = folder_.path() / "disk";
  std::filesystem::create_directory(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=72m") != 0) GTEST_SKIP() << "no leave to mount";
  const absl::Cleanup unmounting = [&] { umount(disk.c_str()); };
  const std::string content(4 * kLargestChunk, 'x');
  const std::string chunk = content.substr(0, kLargestChunk);
  int chunks = 0;
  const absl::Status status = ReceiveInto({Describe("a", content)}, disk, true, [&] {
    if (++chunks == 2) WriteFile(disk / "of another", std::string(6 << 20, 'y'));
    return &chunk;
  });
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("delete models, datasets or finished jobs"));
  EXPECT_EQ(chunks, 2);
}

TEST_F(FileStreamTest, DescriptionsAreCheckedFieldByField) {
  const FileDescription right = Describe("vocab.txt", "x");
  EXPECT_TRUE(CheckFileDescriptions({right}, {"files[0]"}, 10, true).ok());
  const auto check = [&](FileDescription file, bool plain_names = true) {
    return std::string(CheckFileDescriptions({std::move(file)}, {"train"}, 10, plain_names).message());
  };
  FileDescription file = right;
  file.set_sha256("abc");
  EXPECT_THAT(check(file), HasSubstr("train.sha256: must be 64"));
  file.set_size_bytes(-1);
  EXPECT_THAT(check(file), HasSubstr("train.size_bytes: must be 0 to 10, is -1"));
  EXPECT_THAT(check(file), HasSubstr("train.sha256"));
  using namespace std::string_literals;
  for (const std::string& name : {"a/b"s, ".."s, "."s, "../up"s, "/etc/passwd"s, "a\\b"s, "a\0b"s, "a\nb"s, "\xC3\xA9"s,
                                  "~"s, "c:a"s, ".hidden"s, ""s, "a b"s, std::string(256, 'a')}) {
    file = right;
    file.set_file_name(name);
    EXPECT_THAT(check(file), HasSubstr("train.file_name")) << name;
  }
  EXPECT_THAT(check(file, /*plain_names=*/false), HasSubstr("must be 255 bytes at most"));
}

TEST_F(FileStreamTest, DescriptionsAreCheckedTogether) {
  const FileDescription file = Describe("a", "123456");
  const absl::Status twice = CheckFileDescriptions({file, file}, {"files[0]", "files[1]"}, 100, true);
  EXPECT_THAT(std::string(twice.message()), HasSubstr("files[1].file_name: \"a\" comes twice"));
  const absl::Status large = CheckFileDescriptions({file, Describe("b", "123456")}, {"train", "validation"}, 10, false);
  EXPECT_THAT(std::string(large.message()), HasSubstr("validation.size_bytes: all files together must be 10 bytes"));
  FileDescription huge = file;
  huge.set_size_bytes(std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(CheckFileDescriptions({huge, huge}, {"a", "b"}, std::numeric_limits<int64_t>::max(), false).ok());
}

TEST_F(FileStreamTest, WhatIsSentArrivesAgain) {
  std::mt19937 random(1);
  const std::string large = RandomBytes(random, 2 * kLargestChunk + 17);
  WriteFile(folder_.path() / "model.safetensors", large);
  WriteFile(folder_.path() / "config.json", "{}");
  WriteFile(folder_.path() / "empty", "");
  const auto files = DescribeFiles(folder_.path());
  ASSERT_TRUE(files.ok());
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[0].file_name(), "config.json");
  EXPECT_EQ((*files)[2].sha256(), Sha256Hex(large));

  std::vector<std::string> chunks;
  ASSERT_TRUE(SendFiles(*files, folder_.path(), [&](std::string chunk) {
                EXPECT_LE(static_cast<int64_t>(chunk.size()), kLargestChunk);
                chunks.push_back(std::move(chunk));
                return true;
              }).ok());
  const TemporaryFolder to;
  size_t next = 0;
  ASSERT_TRUE(ReceiveInto(*files, to.path(), true, [&]() -> const std::string* {
                return next < chunks.size() ? &chunks[next++] : nullptr;
              }).ok());
  EXPECT_EQ(FileText(to.path() / "model.safetensors"), large);
  EXPECT_EQ(FileText(to.path() / "empty"), "");
}

TEST_F(FileStreamTest, SendingEndsWithTheCallerOrTheFile) {
  WriteFile(folder_.path() / "a", "abc");
  const std::vector<FileDescription> files = {Describe("a", "abc")};
  EXPECT_TRUE(absl::IsCancelled(SendFiles(files, folder_.path(), [](const std::string&) { return false; })));
  std::filesystem::remove(folder_.path() / "a");
  EXPECT_TRUE(absl::IsNotFound(SendFiles(files, folder_.path(), [](const std::string&) { return true; })));
  EXPECT_TRUE(absl::IsNotFound(DescribeFiles(folder_.path() / "none").status()));
}

}  // namespace
}  // namespace fintag::server
