#include "core/stage_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace stagelog {
namespace {

constexpr int64_t kWhole = StageTree::kWhole;

TEST(StageTreeTest, AnEmptyTreeHasNothingDone) {
  const StageTree tree;
  EXPECT_TRUE(tree.empty());
  EXPECT_EQ(tree.Done(), 0);
  EXPECT_EQ(tree.LastAttempt("train"), std::nullopt);
}

TEST(StageTreeTest, TheWholeIsTheMeanOfTheTopLevel) {
  StageTree tree;
  tree.SetDone("a", kWhole);
  tree.SetDone("b", kWhole / 2);
  EXPECT_EQ(tree.Done(), kWhole * 3 / 4);
  EXPECT_FALSE(tree.empty());
}

TEST(StageTreeTest, ADeclaredStageCountsAsNotBegun) {
  StageTree tree;
  tree.Declare("a");
  tree.Declare("b");
  EXPECT_EQ(tree.Done(), 0);
  tree.SetDone("a", kWhole);
  EXPECT_EQ(tree.Done(), kWhole / 2);
  tree.Declare("a");
  EXPECT_EQ(tree.Done(), kWhole / 2) << "declared again: nothing new";
}

TEST(StageTreeTest, WhatSaysNothingOfItselfIsWorthTheMeanOfTheStagesBelow) {
  StageTree tree;
  tree.SetDone("train", std::nullopt);
  tree.SetDone("train/epoch-1", kWhole);
  tree.SetDone("train/epoch-2", 0);
  tree.SetDone("test", std::nullopt);
  EXPECT_EQ(tree.Done(), kWhole / 4);
}

TEST(StageTreeTest, WhatSaysSomethingOfItselfIsWorthThat) {
  StageTree tree;
  tree.SetDone("train/epoch-1", kWhole);
  tree.SetDone("train", kWhole / 10);
  EXPECT_EQ(tree.Done(), kWhole / 10);
  tree.SetDone("train/epoch-2", 0);
  EXPECT_EQ(tree.Done(), kWhole / 10);
  tree.SetDone("train", std::nullopt);
  EXPECT_EQ(tree.Done(), kWhole / 2) << "a new attempt says nothing yet";
}

TEST(StageTreeTest, LevelsInBetweenNeedNotBeNamed) {
  StageTree tree;
  tree.SetDone("a/b/c/d", kWhole);
  tree.Declare("a/x");
  EXPECT_EQ(tree.Done(), kWhole / 2);
  EXPECT_EQ(tree.LastAttempt("a/b"), std::nullopt);
}

TEST(StageTreeTest, NamesThatBeginAlikeAreNotBelowOneAnother) {
  StageTree tree;
  tree.SetDone("train", 0);
  tree.SetDone("train-2", kWhole);
  EXPECT_EQ(tree.Done(), kWhole / 2);
}

TEST(StageTreeTest, RemembersTheLastAttempt) {
  StageTree tree;
  tree.SetLastAttempt("a", 3);
  tree.SetLastAttempt("a", 7);
  EXPECT_EQ(tree.LastAttempt("a"), 7u);
  EXPECT_EQ(tree.LastAttempt("b"), std::nullopt);
}

TEST(StageTreeTest, TheDeepestPathThereCanBe) {
  std::string path = "s";
  while (path.size() < 510) path += "/s";
  StageTree tree;
  tree.SetDone(path, kWhole);
  EXPECT_EQ(tree.Done(), kWhole);
}

// Live folding, folding from a snapshot and folding backwards in time end in the same figure.
TEST(StageTreeTest, TheOrderInWhichItCameAboutDoesNotMatter) {
  std::mt19937_64 random(20261121);
  std::vector<std::pair<std::string, std::optional<int64_t>>> stages;
  for (const char* top : {"a", "b", "c"}) {
    for (const char* below : {"", "/x", "/y", "/x/1", "/x/2", "/x/3", "/z/deep"}) {
      std::optional<int64_t> done;
      if (random() % 3 != 0) done = static_cast<int64_t>(random() % (kWhole + 1));
      stages.emplace_back(std::string(top) + below, done);
    }
  }
  StageTree first;
  for (const auto& [path, done] : stages) first.SetDone(path, done);
  for (int round = 0; round < 200; ++round) {
    std::shuffle(stages.begin(), stages.end(), random);
    StageTree tree;
    for (const auto& [path, done] : stages) {
      if (random() % 2 == 0) tree.SetDone(path, static_cast<int64_t>(random() % kWhole));
      tree.SetDone(path, done);
    }
    ASSERT_EQ(tree.Done(), first.Done()) << "round " << round;
    ASSERT_EQ(tree, first) << "round " << round;
  }
}

}  // namespace
}  // namespace stagelog
