/**
 * A page of this test that speaks MiniWoB++'s protocol: press the button the seed chose. What it shows beside the
 * task (goal, reward, cover) carries the ids of the original, so that hiding them can be tested without it.
 */
export const PROTOCOL_PAGE = `<!doctype html><title>press</title>
<div id="query"></div><div id="area"></div>
<script>
var WOB_DONE_GLOBAL = false, WOB_REWARD_GLOBAL = 0, WOB_RAW_REWARD_GLOBAL = 0, WOB_REWARD_REASON = null
var WOB_TASK_READY = true, wanted = '', mode = 'default', seed = 0
Math.seedrandom = (value) => { if (typeof value !== 'number') throw new Error('a number'); seed = value }
var core = { cover_div: null, EPISODE_MAX_TIME: 10000, timer: null }
core.setDataMode = (value) => { mode = value }
core.startEpisode = () => {
  for (const id of ['sync-task-cover', 'reward-display', 'click-canvas']) {
    if (document.getElementById(id)) continue
    const div = document.createElement('div')
    div.id = id
    div.style.cssText = 'position:absolute;left:0;top:0;width:160px;height:210px;z-index:9'
    div.innerHTML = '<button>' + id + '</button>'
    document.body.append(div)
  }
  core.cover_div = document.getElementById('sync-task-cover')
  core.cover_div.onclick = () => core.startEpisodeReal()
  core.cover_div.style.display = 'block'
}
core.startEpisodeReal = () => {
  WOB_DONE_GLOBAL = false
  WOB_TASK_READY = false
  setTimeout(() => { WOB_TASK_READY = true }, 60)
  wanted = ['red', 'green', 'blue'][seed % 3]
  document.getElementById('query').textContent = '  Press\\n ' + wanted + ' (' + mode + ') '
  document.getElementById('area').innerHTML =
    ['red', 'green', 'blue', 'nearly'].map((name) => '<button onclick="press(this)">' + name + '</button>').join('')
  core.cover_div.style.display = 'none'
  core.timer = setTimeout(() => core.endEpisode(-1, 'timed out'), core.EPISODE_MAX_TIME)
}
core.endEpisode = (reward, reason) => {
  if (core.timer === null) return
  clearTimeout(core.timer)
  core.timer = null
  WOB_RAW_REWARD_GLOBAL = WOB_REWARD_GLOBAL = reward
  WOB_REWARD_REASON = reason
  WOB_DONE_GLOBAL = true
  core.startEpisode()
}
core.getUtterance = () => ({ utterance: document.getElementById('query').textContent, fields: {} })
const press = (button) =>
  core.endEpisode(button.textContent === wanted ? 1 : button.textContent === 'nearly' ? 0.5 : -1)
setTimeout(core.startEpisode, 100)
</script>`
