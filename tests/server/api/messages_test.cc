#include "server/api/messages.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

namespace fintag::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Messages, TimesKeepTheirMilliseconds) {
  const google::protobuf::Timestamp time = ToMessage(int64_t{1769869530123});
  EXPECT_EQ(time.seconds(), 1769869530);
  EXPECT_EQ(time.nanos(), 123000000);
}

TEST(Messages, UnsetOptionsKeepTheirDefaults) {
  const TrainingOptions defaults = FromMessage({});
  EXPECT_EQ(defaults.epochs, TrainingOptions().epochs);
  EXPECT_EQ(defaults.learning_rate, TrainingOptions().learning_rate);
  EXPECT_EQ(defaults.shuffle, TrainingOptions().shuffle);
  EXPECT_FALSE(defaults.dropout.has_value());
}

TEST(Messages, OptionsSetToZeroAreTaken) {
  fintag::v1::TrainingOptions message;
  message.set_epochs(0);
  message.set_dropout(0);
  message.set_shuffle(false);
  message.set_max_gradient_norm(0);
  const TrainingOptions options = FromMessage(message);
  EXPECT_EQ(options.epochs, 0);
  EXPECT_EQ(options.dropout, 0.0);
  EXPECT_FALSE(options.shuffle);
  EXPECT_EQ(options.max_gradient_norm, 0);
}

// Every field of the message set to something else than its default, by reflection: a field forgotten in either
// direction comes back wrong.
TEST(Messages, EveryOptionSurvivesTheWayThereAndBack) {
  fintag::v1::TrainingOptions message;
  const google::protobuf::Descriptor& descriptor = *message.GetDescriptor();
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = descriptor.field(i);
    switch (field->cpp_type()) {
      case google::protobuf::FieldDescriptor::CPPTYPE_INT32:
        reflection.SetInt32(&message, field, 100 + i);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_UINT64:
        reflection.SetUInt64(&message, field, 100 + i);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_DOUBLE:
        reflection.SetDouble(&message, field, 0.5 + i);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_BOOL:
        reflection.SetBool(&message, field, false);
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
        reflection.SetString(&message, field, "cuda");
        break;
      case google::protobuf::FieldDescriptor::CPPTYPE_ENUM:
        reflection.SetEnumValue(&message, field, 2);
        break;
      default:
        FAIL() << field->name() << " is of a type that this test does not know";
    }
  }
  const fintag::v1::TrainingOptions back = ToMessage(FromMessage(message));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(message, back))
      << message.DebugString() << "came back as\n"
      << back.DebugString();
}

TEST(Messages, JobStatesHaveTheirNames) {
  for (const JobState state :
       {JobState::kQueued, JobState::kValidating, JobState::kRunning, JobState::kPausing, JobState::kPaused,
        JobState::kCancelling, JobState::kCancelled, JobState::kSucceeded, JobState::kFailed}) {
    EXPECT_EQ(fintag::v1::JobState_Name(ToMessage(state)), "JOB_STATE_" + std::string(JobStateName(state)));
  }
}

TEST(Messages, JobHasTimesOnlyWhereItHasThem) {
  Job job;
  job.id = "260131-142530-7k3q";
  job.dataset = "datasets/d";
  job.base = "models/b/versions/1";
  job.model = "models/m";
  job.create_time_ms = 5000;
  fintag::v1::Job message = ToMessage(job);
  EXPECT_EQ(message.name(), "jobs/260131-142530-7k3q");
  EXPECT_EQ(message.spec().base(), "models/b/versions/1");
  EXPECT_EQ(message.create_time().seconds(), 5);
  EXPECT_FALSE(message.has_start_time());
  EXPECT_FALSE(message.has_end_time());
  job.start_time_ms = 6000;
  job.end_time_ms = 7000;
  job.state = JobState::kFailed;
  job.failure_reason = "killed by signal 9 (SIGKILL)";
  message = ToMessage(job);
  EXPECT_EQ(message.start_time().seconds(), 6);
  EXPECT_EQ(message.end_time().seconds(), 7);
  EXPECT_EQ(message.state(), fintag::v1::JOB_STATE_FAILED);
  EXPECT_EQ(message.failure_reason(), "killed by signal 9 (SIGKILL)");
}

TEST(Messages, EachEventHasItsContent) {
  const auto event = [](auto what) { return ToMessage(Event{7, 8000, std::move(what)}); };
  const fintag::v1::JobEvent failed = event(StateChanged{"FAILED", "out of memory", ""});
  EXPECT_EQ(failed.sequence(), 7);
  EXPECT_EQ(failed.time().seconds(), 8);
  EXPECT_EQ(failed.state_changed().state(), fintag::v1::JOB_STATE_FAILED);
  EXPECT_EQ(failed.state_changed().reason(), "out of memory");
  TrainingStart start;
  start.device = "cpu";
  start.total_steps = 100;
  start.tags = {"O", "B-ORG"};
  EXPECT_EQ(event(start).training_started().total_steps(), 100);
  EXPECT_THAT(event(start).training_started().tags(), ElementsAre("O", "B-ORG"));
  TrainingProgress progress;
  progress.step = 3;
  progress.seconds_left = 12;
  EXPECT_EQ(event(progress).progress().step(), 3);
  EXPECT_EQ(event(progress).progress().seconds_left(), 12);
  EpochResult epoch;
  epoch.epoch = 2;
  epoch.best = true;
  epoch.scores.micro.f1 = 0.5;
  EXPECT_EQ(event(epoch).epoch_finished().scores().micro().f1(), 0.5);
  EXPECT_TRUE(event(epoch).epoch_finished().best());
  EXPECT_EQ(event(TrainingFinished{2, 3, true}).training_finished().kept_epoch(), 3);
  EXPECT_EQ(event(TrainingFailed{"INVALID_ARGUMENT", "why"}).training_failed().code(), "INVALID_ARGUMENT");
}

TEST(Messages, DatasetAddsItsPartsUp) {
  Dataset dataset;
  dataset.id = "fin";
  dataset.train.size_bytes = 100;
  dataset.train.entities_by_label = {{"ORG", 3}, {"PER", 4}};
  dataset.labels = {"ORG", "PER"};
  fintag::v1::Dataset message = ToMessage(dataset);
  EXPECT_EQ(message.name(), "datasets/fin");
  EXPECT_EQ(message.size_bytes(), 100);
  EXPECT_EQ(message.train().entities(), 7);
  EXPECT_FALSE(message.has_validation());
  EXPECT_FALSE(message.has_word_lookup());
  dataset.validation = DatasetPart();
  dataset.validation->size_bytes = 20;
  EXPECT_EQ(ToMessage(dataset).size_bytes(), 120);
}

TEST(Messages, LabelsOfAModelComeFromTagsOfAnyScheme) {
  ModelVersion version;
  version.model = "m";
  version.version = 3;
  EXPECT_EQ(ToMessage(version).kind(), fintag::v1::MODEL_KIND_BASE);
  EXPECT_THAT(ToMessage(version).labels(), IsEmpty());
  version.tags = {"O", "B-PER", "I-PER", "B-ORG", "I-ORG"};
  EXPECT_EQ(ToMessage(version).kind(), fintag::v1::MODEL_KIND_TAGGER);
  EXPECT_EQ(ToMessage(version).name(), "models/m/versions/3");
  EXPECT_THAT(ToMessage(version).labels(), ElementsAre("ORG", "PER"));
  version.tags = {"I-LOC", "O", "I-MISC"};
  EXPECT_THAT(ToMessage(version).labels(), ElementsAre("LOC", "MISC"));
  version.tags = {"O", "ORG", "U-PER", "B-PER", "L-PER"};
  EXPECT_THAT(ToMessage(version).labels(), ElementsAre("ORG", "PER"));
}

TEST(Messages, ConfusionHasARowForEachGoldLabel) {
  Scores scores;
  scores.confusion["ORG"]["ORG"] = 7;
  scores.confusion["ORG"]["O"] = 2;
  scores.confusion["LOC"]["O"] = 1;
  const fintag::v1::Scores message = ToMessage(scores);
  ASSERT_EQ(message.confusion_size(), 2);
  EXPECT_EQ(message.confusion(0).label(), "LOC");
  EXPECT_EQ(message.confusion(1).label(), "ORG");
  EXPECT_EQ(message.confusion(1).predicted_size(), 2);
  EXPECT_EQ(message.confusion(1).predicted().at("ORG"), 7);
  EXPECT_EQ(message.confusion(1).predicted().at("O"), 2);
}

}  // namespace
}  // namespace fintag::server
