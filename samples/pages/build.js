// Builds dist/: assets with a hash of their content in their names, and the page that names them, as Vite and its like do it.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { parse } from 'node:path'

rmSync('dist', { recursive: true, force: true })
mkdirSync('dist/assets', { recursive: true })

let page = readFileSync('src/index.html', 'utf8')
for (const file of readdirSync('src').filter((name) => name !== 'index.html')) {
  const content = readFileSync(`src/${file}`)
  const { name, ext } = parse(file)
  const hashed = `assets/${name}-${createHash('sha256').update(content).digest('hex').slice(0, 8)}${ext}`
  writeFileSync(`dist/${hashed}`, content)
  page = page.replaceAll(`./${file}`, `/${hashed}`)
}
writeFileSync('dist/index.html', page)
writeFileSync('dist/robots.txt', 'User-agent: *\nAllow: /\n')
