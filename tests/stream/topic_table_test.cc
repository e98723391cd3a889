#include "stream/topic_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// The last member takes the place of the one that leaves.
TEST(TopicTableTest, WhoeverLeavesIsTheOneThatIsGone) {
  TopicTable topics(1'000, 1'000);
  Subscriber first(1, UniqueFd(), false);
  Subscriber second(2, UniqueFd(), false);
  Subscriber third(3, UniqueFd(), false);
  for (Subscriber* subscriber : {&first, &second, &third}) topics.Join(*subscriber, "job", 0);
  Topic& topic = *second.topic;
  topics.Leave(first);
  EXPECT_THAT(topic.members, UnorderedElementsAre(&second, &third));
  topics.Leave(third);
  EXPECT_THAT(topic.members, ElementsAre(&second));
  EXPECT_EQ(first.topic, nullptr);
}

}  // namespace
}  // namespace stagelog
