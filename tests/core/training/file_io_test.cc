#include "core/training/file_io.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace fintag {
namespace {

class FileIoTest : public ::testing::Test {
 protected:
  FileIoTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fintag-file-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~FileIoTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(FileIoTest, ReplacesAndReads) {
  const std::filesystem::path file = folder_ / "a";
  for (const std::string& content : {std::string("first"), std::string(200000, '\0'), std::string()}) {
    ASSERT_TRUE(ReplaceFile(file, content).ok());
    const absl::StatusOr<std::string> read = ReadFile(file);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, content);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1) << "nothing temporary stays";
}

TEST_F(FileIoTest, ErrorsNameThePath) {
  const absl::Status missing = ReadFile(folder_ / "nothing").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.ToString().find("nothing"), std::string::npos);
  const absl::Status unwritable = ReplaceFile(folder_ / "no" / "folder", "x");
  EXPECT_FALSE(unwritable.ok());
  EXPECT_NE(unwritable.ToString().find("no/folder"), std::string::npos);
}

TEST_F(FileIoTest, LimitsWhatItReads) {
  ASSERT_TRUE(ReplaceFile(folder_ / "a", "12345").ok());
  EXPECT_TRUE(ReadFile(folder_ / "a", 5).ok());
  EXPECT_EQ(ReadFile(folder_ / "a", 4).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace fintag
