/** `make clean-lab`: removes every lab that is up or half up, whoever left it. */
import { LabFolder } from './lab-folder.ts';

const folders = LabFolder.all();
for (const folder of folders) {
  await folder.remove();
  console.log(`removed the lab '${folder.name}'`);
}
if (folders.length === 0) console.log('there is no lab');
