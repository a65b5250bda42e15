#include "server/storage/resource_name.h"

#include <gtest/gtest.h>

namespace fintag::server {
namespace {

TEST(ResourceName, TakesIdsThatAreSafeFolderNames) {
  for (const char* id : {"a", "0", "fin-5", "a--b-"}) EXPECT_TRUE(IsResourceId(id)) << id;
  EXPECT_TRUE(IsResourceId(std::string(63, 'x')));
  for (const char* id : {"", "-a", ".", "..", "A", "a/b", "a.b", "a_b", "\xc3\xa4"}) {
    EXPECT_FALSE(IsResourceId(id)) << id;
    EXPECT_TRUE(absl::IsInvalidArgument(CheckResourceId("dataset", id)));
  }
  EXPECT_FALSE(IsResourceId(std::string(64, 'x')));
  EXPECT_FALSE(IsResourceId(std::string_view("a\0b", 3)));
}

TEST(ResourceName, ReadsDatasetNames) {
  EXPECT_EQ(ParseDatasetName("datasets/fin").value(), "fin");
  for (const char* name : {"", "fin", "datasets/", "datasets/fin/", "models/fin", "datasets/../x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDatasetName(name).status())) << name;
  }
}

TEST(ResourceName, ReadsModelNamesWithAndWithoutVersion) {
  EXPECT_EQ(ParseModelName("models/fin")->id, "fin");
  EXPECT_FALSE(ParseModelName("models/fin")->version.has_value());
  EXPECT_EQ(ParseModelName("models/fin/versions/12")->version, 12);
  for (const char* name : {"models", "models/", "models/fin/versions", "models/fin/versions/", "models/fin/versions/0",
                           "models/fin/versions/-1", "models/fin/versions/01", "models/fin/versions/1x",
                           "models/fin/versions/ 1", "models/fin/versions/99999999999999999999", "models/fin/v/1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseModelName(name).status())) << name;
  }
}

}  // namespace
}  // namespace fintag::server
