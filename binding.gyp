# CMakeLists.txt is the one build definition; `node-gyp rebuild` is sent there and gives the same
# build/Release/mira.node. node-gyp wants its own headers even so: offline, add --nodedir=/usr or where Node is.
{
  "targets": [
    {
      "target_name": "mira",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the addon from CMakeLists.txt",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(PRODUCT_DIR)/mira.node"],
          "action": ["node", "scripts/setup/main.mjs", "--build-only"]
        }
      ]
    }
  ]
}
