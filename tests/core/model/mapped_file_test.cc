#include "core/model/mapped_file.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/core/model/temporary_folder.h"

namespace fintag {
namespace {

namespace fs = std::filesystem;

TEST(MappedFile, GivesTheSameBytesMappedAndRead) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 100000; ++i) text += static_cast<char>(i * 7);
  std::ofstream(folder.path() / "file", std::ios::binary) << text;
  EXPECT_EQ(MappedFile::Open(folder.path() / "file").value()->text(), text);
  EXPECT_EQ(MappedFile::Read(folder.path() / "file").value()->text(), text);
  std::ofstream(folder.path() / "empty").flush();
  EXPECT_EQ(MappedFile::Read(folder.path() / "empty").value()->text(), "");
}

TEST(MappedFile, ReadBytesOutliveTheirFile) {
  const TemporaryFolder folder;
  const std::string text(100000, 'x');
  std::ofstream(folder.path() / "file") << text;
  const auto file = MappedFile::Read(folder.path() / "file").value();
  fs::resize_file(folder.path() / "file", 1);
  EXPECT_EQ(file->text(), text);
}

TEST(MappedFile, SaysWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_TRUE(absl::IsNotFound(MappedFile::Read(folder.path() / "file").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(MappedFile::Read(folder.path()).status()));
}

}  // namespace
}  // namespace fintag
