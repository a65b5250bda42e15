#include "server/storage/folders.h"

#include <gtest/gtest.h>

#include "tests/server/storage/temporary_folder.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

class FoldersTest : public testing::Test {
 protected:
  FoldersTest() : root_(folder_.path() / "root") { EXPECT_TRUE(PrepareRoot(root_).ok()); }

  TemporaryFolder folder_;
  const fs::path root_;
};

TEST_F(FoldersTest, MovesAFilledFolderIntoPlace) {
  const fs::path incoming = MakeIncoming(root_).value();
  WriteFile(incoming / "a", "1");
  WriteFile(incoming / "deep" / "b", "2");
  const fs::path place = root_ / "x" / "1";
  ASSERT_TRUE(MoveIntoPlace(incoming, place).ok());
  EXPECT_FALSE(fs::exists(incoming));
  EXPECT_EQ(FileText(place / "deep" / "b"), "2");
}

TEST_F(FoldersTest, DoesNotReplaceAFolderThatIsThere) {
  WriteFile(root_ / "x" / "old", "1");
  const fs::path incoming = MakeIncoming(root_).value();
  WriteFile(incoming / "new", "2");
  EXPECT_TRUE(absl::IsAlreadyExists(MoveIntoPlace(incoming, root_ / "x")));
  EXPECT_TRUE(fs::exists(incoming / "new"));
  EXPECT_TRUE(fs::exists(root_ / "x" / "old"));
}

TEST_F(FoldersTest, IncomingFoldersHaveNamesOfTheirOwnAndDoNotOutliveAStart) {
  const fs::path one = MakeIncoming(root_).value();
  const fs::path two = MakeIncoming(root_).value();
  EXPECT_NE(one, two);
  WriteFile(one / "half", "");
  ASSERT_TRUE(PrepareRoot(root_).ok());
  EXPECT_FALSE(fs::exists(one));
  EXPECT_TRUE(fs::is_empty(IncomingFolder(root_)));
}

TEST_F(FoldersTest, RemovesFoldersAndMindsNoneMissing) {
  WriteFile(root_ / "x" / "file", "1");
  std::ifstream reader(root_ / "x" / "file");
  ASSERT_TRUE(RemoveFolder(root_, root_ / "x").ok());
  EXPECT_FALSE(fs::exists(root_ / "x"));
  EXPECT_EQ(reader.get(), '1');  // an open file stays readable
  EXPECT_TRUE(RemoveFolder(root_, root_ / "x").ok());
  const fs::path incoming = MakeIncoming(root_).value();
  EXPECT_TRUE(RemoveFolder(root_, incoming).ok());
  EXPECT_TRUE(fs::is_empty(IncomingFolder(root_)));
}

TEST_F(FoldersTest, RemovesAllButWhatIsKnown) {
  for (const char* name : {"keep", "orphan", "other"}) WriteFile(root_ / name / "file", "1");
  ASSERT_TRUE(RemoveAllBut(root_, root_, {"keep"}).ok());
  EXPECT_TRUE(fs::exists(root_ / "keep" / "file"));
  EXPECT_FALSE(fs::exists(root_ / "orphan"));
  EXPECT_FALSE(fs::exists(root_ / "other"));
  EXPECT_TRUE(fs::exists(IncomingFolder(root_)));
}

}  // namespace
}  // namespace fintag::server
